package doctor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolChannels is struct ethtool_channels of linux/ethtool.h.
type ethtoolChannels struct {
	cmd                                    uint32
	maxRx, maxTx, maxOther, maxCombined    uint32
	rxCount, txCount, otherCount, combined uint32
}

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ cmd, data uint32 }

// flagNTuple is ETH_FLAG_NTUPLE.
const flagNTuple = 1 << 27

// driver returns the name of an interface's driver.
func driver(ifname string) string {
	info := unix.EthtoolDrvinfo{Cmd: unix.ETHTOOL_GDRVINFO}
	if ethtool(ifname, unsafe.Pointer(&info)) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(info.Driver[:])
}

// channels returns the number of receive queues, 0 if the driver does not tell.
func channels(ifname string) int {
	ch := ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	if ethtool(ifname, unsafe.Pointer(&ch)) != nil {
		return 0
	}
	return int(ch.rxCount + ch.combined)
}

func ntuple(ifname string) bool {
	v := ethtoolValue{cmd: unix.ETHTOOL_GFLAGS}
	return ethtool(ifname, unsafe.Pointer(&v)) == nil && v.data&flagNTuple != 0
}

// ethtool makes the driver of an interface fill in a structure that begins with
// one of the commands that only read.
func ethtool(ifname string, data unsafe.Pointer) error {
	// struct ifreq, whose union holds a pointer.
	req := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}{data: data}
	if copy(req.name[:unix.IFNAMSIZ-1], ifname) < len(ifname) {
		return unix.ENODEV
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return errno
	}
	return nil
}
