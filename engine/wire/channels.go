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

// rxQueues returns how many receive queues an interface has now.
func rxQueues(ifname string) (int, error) {
	n, _, err := countQueues(ifname)
	return n, err
}

// maxRxQueues returns how many it may come to have.
func maxRxQueues(ifname string) (int, error) {
	n, most, err := countQueues(ifname)
	return max(n, most), err
}

// countQueues asks ethtool, and for a driver that does not tell, /sys, which shows
// the network namespace that it was mounted in.
func countQueues(ifname string) (now, most int, err error) {
	now, most, err = ethtoolRxQueues(ifname)
	if err == nil && now > 0 {
		return now, most, nil
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, 0, fmt.Errorf("count queues of %s: %w", ifname, err)
	}
	dirs, err := filepath.Glob(filepath.Join("/sys/class/net", ifname, "queues/rx-*"))
	if err != nil || len(dirs) == 0 {
		return 1, 1, nil
	}
	return len(dirs), len(dirs), nil
}

func ethtoolRxQueues(ifname string) (now, most int, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	ch := ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	req := ifreqData{data: unsafe.Pointer(&ch)}
	if copy(req.name[:unix.IFNAMSIZ-1], ifname) < len(ifname) {
		return 0, 0, unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return 0, 0, os.NewSyscallError("ioctl", errno)
	}
	return int(ch.rxCount + ch.combined), int(ch.maxRx + ch.maxCombined), nil
}
