package netns

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// channels is struct ethtool_channels of linux/ethtool.h.
type channels struct {
	cmd                 uint32
	_                   [4]uint32 // the most there can be
	rx, tx, other, both uint32
}

// SetQueues changes how many receive and transmit queues an interface uses, as
// `ethtool -L NAME rx R tx T` does: at most as many as it was made with.
func (n *NS) SetQueues(ifname string, rx, tx int) error {
	return n.setChannels(ifname, func(c *channels) { c.rx, c.tx = uint32(rx), uint32(tx) })
}

// SetCombined is SetQueues for drivers whose queues do both, as `ethtool -L NAME
// combined C` does.
func (n *NS) SetCombined(ifname string, count int) error {
	return n.setChannels(ifname, func(c *channels) { c.both = uint32(count) })
}

func (n *NS) setChannels(ifname string, change func(*channels)) error {
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
		ch.cmd = unix.ETHTOOL_SCHANNELS
		change(&ch)
		return ethtool(fd, ifname, unsafe.Pointer(&ch))
	})
	if err != nil {
		return fmt.Errorf("set number of queues of %s in %s: %w", ifname, n.name, err)
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
