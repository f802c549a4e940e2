package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/packet"
)

// ErrBusy says that an interface has an XDP program of someone else's.
var ErrBusy = errors.New("another XDP program is attached")

// ErrNotEthernet says that an interface's frames have no Ethernet header.
var ErrNotEthernet = errors.New("not an Ethernet interface")

// BusyError is ErrBusy with what is known of the other program.
type BusyError struct {
	ID   uint32
	Name string // empty when the kernel does not tell
}

// Error names the program by name and id.
func (e *BusyError) Error() string {
	return fmt.Sprintf("%v: %q, id %d", ErrBusy, e.Name, e.ID)
}

// Is makes errors.Is(err, ErrBusy) true.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// Foreign returns a *BusyError when an interface of the calling thread's network
// namespace has an XDP program, else nil. Reporting only: it is the kernel that
// refuses to replace a program.
func Foreign(ifindex int) error {
	l, err := netlink.LinkByIndex(ifindex)
	if err != nil || l.Attrs().Xdp == nil || !l.Attrs().Xdp.Attached {
		return nil
	}
	busy := &BusyError{ID: l.Attrs().Xdp.ProgId}
	prog, err := ebpf.NewProgramFromID(ebpf.ProgramID(busy.ID))
	if err != nil {
		return busy
	}
	defer prog.Close()
	if info, err := prog.Info(); err == nil {
		busy.Name = info.Name
	}
	return busy
}

// hostMAC returns the interface's own address.
func hostMAC(ifindex int) (packet.MAC, error) {
	l, err := netlink.LinkByIndex(ifindex)
	if err != nil {
		return packet.MAC{}, fmt.Errorf("look up interface %d: %w", ifindex, err)
	}
	a := l.Attrs()
	switch {
	case a.EncapType == "loopback":
		return packet.MAC{}, nil // Ethernet headers of zeros
	case a.EncapType != "ether" || len(a.HardwareAddr) != len(packet.MAC{}):
		return packet.MAC{}, fmt.Errorf("attach XDP program to %s: %w", a.Name, ErrNotEthernet)
	}
	return packet.MAC(a.HardwareAddr), nil
}
