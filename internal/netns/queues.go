package netns

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// channels is struct ethtool_channels of linux/ethtool.h.
type channels struct {
	cmd                         uint32
	_                           [4]uint32 // the most there can be
	rx, tx, other, combinedBoth uint32
}

// SetQueues changes how many receive and transmit queues an interface uses, as
// `ethtool -L` does: at most as many as it was made with.
func (n *NS) SetQueues(ifname string, rx, tx int) error {
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		ch := channels{cmd: unix.ETHTOOL_GCHANNELS}
		if err := ethtool(fd, ifname, unsafe.Pointer(&ch)); err != nil {
			return err
		}
		ch.cmd, ch.rx, ch.tx = unix.ETHTOOL_SCHANNELS, uint32(rx), uint32(tx)
		return ethtool(fd, ifname, unsafe.Pointer(&ch))
	})
	if err != nil {
		return fmt.Errorf("set queues of %s in %s to %d and %d: %w", ifname, n.name, rx, tx, err)
	}
	return nil
}

// ethtool hands data, whose first word is the command, to the interface's driver.
func ethtool(fd int, ifname string, data unsafe.Pointer) error {
	req := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}{data: data}
	if copy(req.name[:unix.IFNAMSIZ-1], ifname) < len(ifname) {
		return unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return errno
	}
	return nil
}
