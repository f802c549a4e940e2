package netlinkmon

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// An event is one link, address, route or neighbour as the kernel reported it:
// a linkEvent, addrEvent, routeEvent or neighEvent. A policyEvent is a change
// of routing rules or next-hop objects.
type event any

type linkEvent struct {
	index int
	gone  bool
	link  link // without addresses
}

type addrEvent struct {
	index int
	gone  bool
	addr  address
}

type routeEvent struct {
	gone    bool
	replace bool // routes to the same destination with the same metric are gone
	onLink  bool // leads straight onto a link
	dst     netip.Prefix
	hop     hop
}

type policyEvent struct{}

type neighEvent struct {
	key   neighKey
	gone  bool
	neigh neigh
}

// parse makes an event of a message's type, flags and body, or nil of one that
// is of no interest or makes no sense.
func parse(kind, flags uint16, body []byte) event {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return parseLink(kind == unix.RTM_DELLINK, body)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return parseAddr(kind == unix.RTM_DELADDR, body)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return parseRoute(kind == unix.RTM_DELROUTE, flags&unix.NLM_F_REPLACE != 0, body)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE, unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		return policyEvent{}
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		return parseNeigh(kind == unix.RTM_DELNEIGH, body)
	}
	return nil
}

func parseLink(gone bool, b []byte) event {
	// Bridges report the coming and going of their ports as links of the
	// family AF_BRIDGE; the interface itself does not go with its port.
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC {
		return nil
	}
	e := linkEvent{index: int(int32(native.Uint32(b[4:]))), gone: gone}
	e.link.flags = native.Uint32(b[8:])
	ether := native.Uint16(b[2:]) == unix.ARPHRD_ETHER
	for kind, v := range attributes(b[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_IFNAME:
			e.link.name = unix.ByteSliceToString(v)
		case unix.IFLA_ADDRESS:
			if ether && len(v) == len(e.link.mac) {
				e.link.mac, e.link.ether = packet.MAC(v), true
			}
		case unix.IFLA_WIRELESS: // news of a radio, which say nothing else of the link
			return nil
		default:
			e.link.stack.parse(kind, v)
		}
	}
	if e.link.name == "" {
		return nil
	}
	return e
}

func parseAddr(gone bool, b []byte) event {
	if len(b) < unix.SizeofIfAddrmsg {
		return nil
	}
	e := addrEvent{index: int(native.Uint32(b[4:])), gone: gone}
	e.addr.flags = uint32(b[2])
	var local, far netip.Addr
	for kind, v := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch kind {
		case unix.IFA_LOCAL:
			local = addrOf(v)
		case unix.IFA_ADDRESS: // the other end's on a point-to-point link
			far = addrOf(v)
		case unix.IFA_FLAGS:
			if len(v) >= 4 {
				e.addr.flags = native.Uint32(v)
			}
		}
	}
	if !local.IsValid() {
		local = far
	}
	if !far.IsValid() {
		far = local
	}
	prefix, ok := prefixOf(b[0], far, b[1])
	if _, fits := prefixOf(b[0], local, 0); !ok || !fits {
		return nil
	}
	e.addr.ip, e.addr.prefix = local, prefix
	return e
}

func parseRoute(gone, replace bool, b []byte) event {
	if len(b) < unix.SizeofRtMsg {
		return nil
	}
	family, bits, kind := b[0], b[1], b[7]
	flags := native.Uint32(b[8:])
	dst := netip.IPv6Unspecified()
	if family == unix.AF_INET {
		dst = netip.IPv4Unspecified()
	} else if family != unix.AF_INET6 {
		return nil
	}
	e := routeEvent{gone: gone, replace: replace, onLink: kind == unix.RTN_UNICAST}
	e.hop.route, e.hop.table = true, uint32(b[4])
	for kind, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch kind {
		case unix.RTA_DST:
			dst = addrOf(v)
		case unix.RTA_PREFSRC:
			e.hop.local = addrOf(v)
		case unix.RTA_OIF:
			e.hop.ifindex = int(number(v))
		case unix.RTA_PRIORITY:
			e.hop.metric = number(v)
		case unix.RTA_TABLE:
			e.hop.table = number(v)
		case unix.RTA_GATEWAY, unix.RTA_VIA, unix.RTA_MULTIPATH:
			e.onLink = false
		}
	}
	prefix, ok := prefixOf(family, dst, bits)
	if !ok || flags&unix.RTM_F_CLONED != 0 {
		return nil
	}
	e.dst = prefix
	e.onLink = e.onLink && e.hop.ifindex != 0
	return e
}

func parseNeigh(gone bool, b []byte) event {
	if len(b) < unix.SizeofNdMsg || (b[0] != unix.AF_INET && b[0] != unix.AF_INET6) || b[10]&unix.NTF_PROXY != 0 {
		return nil
	}
	e := neighEvent{gone: gone}
	e.key.index = int(int32(native.Uint32(b[4:])))
	e.neigh.state = native.Uint16(b[8:])
	for kind, v := range attributes(b[unix.SizeofNdMsg:]) {
		switch kind {
		case unix.NDA_DST:
			e.key.ip = addrOf(v)
		case unix.NDA_LLADDR:
			if len(v) == len(e.neigh.mac) {
				e.neigh.mac, e.neigh.ether = packet.MAC(v), true
			}
		case netlink.NDA_FLAGS_EXT:
			e.neigh.managed = number(v)&netlink.NTF_EXT_MANAGED != 0
		case netlink.NDA_PROTOCOL:
			e.neigh.ours = len(v) == 1 && v[0] == protocol
		}
	}
	if !e.key.ip.IsValid() {
		return nil
	}
	return e
}

var native = binary.NativeEndian

// attributes walks over the attributes in b: their types and values. It stops
// at the first that does not fit.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			n := int(native.Uint16(b))
			if n < unix.SizeofRtAttr || n > len(b) {
				return
			}
			kind := native.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, b[unix.SizeofRtAttr:n]) {
				return
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

// addrOf returns the address of 4 or 16 bytes, else the zero Addr.
func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// prefixOf masks an address, which must be there and of the family.
func prefixOf(family uint8, a netip.Addr, bits uint8) (p netip.Prefix, ok bool) {
	if !a.IsValid() || a.Is4() != (family == unix.AF_INET) {
		return p, false
	}
	p, err := a.Prefix(int(bits))
	return p, err == nil
}

// number returns a 32-bit attribute, 0 when it is none.
func number(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return native.Uint32(b)
}
