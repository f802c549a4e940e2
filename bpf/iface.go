package bpf

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/packet"
)

// ErrNotEthernet says that an interface's frames have no Ethernet header.
var ErrNotEthernet = errors.New("not an Ethernet interface")

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
		return packet.MAC{}, fmt.Errorf("%s: %w", a.Name, ErrNotEthernet)
	}
	return packet.MAC(a.HardwareAddr), nil
}
