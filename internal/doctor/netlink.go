package doctor

import (
	"encoding/binary"
	"fmt"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The kernel's netdev family (linux/netdev.h).
const (
	netdevGetDevice   = 1 // NETDEV_CMD_DEV_GET
	netdevVersion     = 1
	netdevIndex       = 1 // NETDEV_A_DEV_IFINDEX
	netdevXDPFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES
)

// xdpFeatures returns what the driver of an interface says of XDP, nil where the
// kernel has no such family.
func xdpFeatures(index int) *uint64 {
	family, err := netlink.GenlFamilyGet("netdev")
	if err != nil {
		return nil
	}
	// One by one: the kernel's list of all is not marked as one of several parts.
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	req.AddData(genlHeader{netdevGetDevice, netdevVersion})
	req.AddData(nl.NewRtAttr(netdevIndex, nl.Uint32Attr(uint32(index))))
	messages, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil || len(messages) != 1 {
		return nil
	}
	attrs, err := attributes(messages[0], nl.SizeofGenlmsg)
	if bits := attrs[netdevXDPFeatures]; err == nil && len(bits) == 8 {
		features := binary.NativeEndian.Uint64(bits)
		return &features
	}
	return nil
}

// genlHeader is struct genlmsghdr: command, version, and two bytes that this
// family wants to be 0; those of nl.Genlmsg are whatever lies behind it.
type genlHeader [nl.SizeofGenlmsg]byte

// Len implements nl.NetlinkRequestData.
func (g genlHeader) Len() int { return len(g) }

// Serialize implements nl.NetlinkRequestData.
func (g genlHeader) Serialize() []byte { return g[:] }

// attributes parses what follows the header of a netlink message.
func attributes(message []byte, header int) (map[uint16][]byte, error) {
	if len(message) < header {
		return nil, fmt.Errorf("message of %d bytes", len(message))
	}
	list, err := attributeList(message[header:])
	if err != nil {
		return nil, err
	}
	attrs := make(map[uint16][]byte)
	for _, a := range list {
		attrs[a.Attr.Type&^unix.NLA_F_NESTED] = a.Value
	}
	return attrs, nil
}

// attributeList parses attributes of which several may be of one type. The last need
// not be filled up to four bytes, which the library takes for granted.
func attributeList(b []byte) ([]syscall.NetlinkRouteAttr, error) {
	return nl.ParseRouteAttr(append(slices.Clip(b), make([]byte, -len(b)&3)...))
}

// program names a BPF program, if the caller may see it.
func program(id uint32) Program {
	p := Program{ID: id}
	loaded, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return p
	}
	defer loaded.Close()
	if info, err := loaded.Info(); err == nil {
		p.Name = info.Name
	}
	return p
}

// atIngress returns the programs at an interface's tc ingress, those of TCX
// first, as they run.
func atIngress(l netlink.Link) (programs []Program) {
	if found, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: ebpf.AttachTCXIngress}); err == nil {
		for _, p := range found.Programs {
			programs = append(programs, program(uint32(p.ID)))
		}
	}
	filters, err := netlink.FilterList(l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return programs // it has no ingress
	}
	for _, f := range filters {
		p := Program{Name: f.Type() + " filter"}
		if b, ok := f.(*netlink.BpfFilter); ok {
			p = Program{ID: uint32(b.Id), Name: b.Name}
		}
		programs = append(programs, p)
	}
	return programs
}
