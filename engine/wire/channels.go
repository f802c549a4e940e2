package wire

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolChannels is struct ethtool_channels of linux/ethtool.h.
type ethtoolChannels struct {
	cmd                                    uint32
	maxRx, maxTx, maxOther, maxCombined    uint32
	rxCount, txCount, otherCount, combined uint32
}

// ifreqData is a struct ifreq whose union holds a pointer.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// rxQueues returns how many receive queues an interface has: by ethtool, for a
// driver that does not tell by /sys, which shows the network namespace that it
// was mounted in.
func rxQueues(ifname string) (int, error) {
	n, err := ethtoolRxQueues(ifname)
	if err == nil && n > 0 {
		return n, nil
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, fmt.Errorf("count queues of %s: %w", ifname, err)
	}
	dirs, err := filepath.Glob(filepath.Join("/sys/class/net", ifname, "queues/rx-*"))
	if err != nil || len(dirs) == 0 {
		return 1, nil
	}
	return len(dirs), nil
}

func ethtoolRxQueues(ifname string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	ch := ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	req := ifreqData{data: unsafe.Pointer(&ch)}
	if copy(req.name[:unix.IFNAMSIZ-1], ifname) < len(ifname) {
		return 0, unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return 0, os.NewSyscallError("ioctl", errno)
	}
	return int(ch.rxCount + ch.combined), nil
}
