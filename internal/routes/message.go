package routes

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// What golang.org/x/sys/unix has no name for.
const (
	ifaProto      = 11    // IFA_PROTO, Linux 5.18: who added an address
	rtaNexthopID  = 30    // RTA_NH_ID, Linux 5.3: the nexthop group that a route leads to
	ackTLVs       = 0x200 // NLM_F_ACK_TLVS: attributes follow an error
	ackCapped     = 0x100 // NLM_F_CAPPED: without the request's body
	errorText     = 1     // NLMSGERR_ATTR_MSG
	headerLength  = unix.SizeofNlMsghdr
	nextHopLength = unix.SizeofRtNexthop
)

// message appends netlink messages to a buffer.
type message struct {
	b     []byte
	start int // of the message that is being written
}

func (m *message) begin(kind, flags uint16, seq uint32) {
	m.start = len(m.b)
	m.b = append(m.b, 0, 0, 0, 0)
	m.b = native.AppendUint16(m.b, kind)
	m.b = native.AppendUint16(m.b, unix.NLM_F_REQUEST|flags)
	m.b = native.AppendUint32(m.b, seq)
	m.b = native.AppendUint32(m.b, 0) // the kernel fills in whose
}

func (m *message) end() { native.PutUint32(m.b[m.start:], uint32(len(m.b)-m.start)) }

// attribute opens an attribute, and close ends it.
func (m *message) attribute(kind uint16) (at int) {
	at = len(m.b)
	m.b = append(m.b, 0, 0)
	m.b = native.AppendUint16(m.b, kind)
	return at
}

func (m *message) close(at int) {
	native.PutUint16(m.b[at:], uint16(len(m.b)-at))
	for len(m.b)%unix.NLMSG_ALIGNTO != 0 {
		m.b = append(m.b, 0)
	}
}

func (m *message) u32(kind uint16, v uint32) {
	at := m.attribute(kind)
	m.b = native.AppendUint32(m.b, v)
	m.close(at)
}

func (m *message) addr(kind uint16, a netip.Addr) {
	at := m.attribute(kind)
	if a.Is4() {
		b := a.As4()
		m.b = append(m.b, b[:]...)
	} else {
		b := a.As16()
		m.b = append(m.b, b[:]...)
	}
	m.close(at)
}

// route writes one Op of a route in a table. link gives the index of an interface.
func (m *message) route(op *Op, seq, table uint32, link func(string) uint32) {
	o := op.Object
	kind, flags, typ, scope := uint16(unix.RTM_NEWROUTE), uint16(unix.NLM_F_CREATE|unix.NLM_F_EXCL), uint8(unix.RTN_UNICAST), uint8(unix.RT_SCOPE_UNIVERSE)
	switch op.Verb {
	case Replace:
		flags = unix.NLM_F_REPLACE
	case behind:
		flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
	case Remove: // whatever it is but its place and whose it is
		kind, flags, typ, scope = unix.RTM_DELROUTE, 0, unix.RTN_UNSPEC, unix.RT_SCOPE_NOWHERE
	}
	m.begin(kind, flags, seq)
	m.b = append(m.b, family(o.Prefix.Addr()), uint8(o.Prefix.Bits()), 0, 0, unix.RT_TABLE_UNSPEC, Protocol, scope, typ)
	m.b = native.AppendUint32(m.b, 0)
	if o.Prefix.Bits() > 0 {
		m.addr(unix.RTA_DST, o.Prefix.Addr())
	}
	m.u32(unix.RTA_TABLE, table)
	m.u32(unix.RTA_PRIORITY, o.Metric)
	if op.Verb != Remove {
		if o.Source.IsValid() {
			m.addr(unix.RTA_PREFSRC, o.Source)
		}
		if o.Group != 0 {
			m.u32(rtaNexthopID, o.Group)
		} else {
			m.hops(family(o.Prefix.Addr()), o.Hops, link)
		}
	}
	m.end()
}

// gateway writes where a route of a family leads, which may be of the other one (RFC
// 8950 has IPv4 by way of IPv6).
func (m *message) gateway(fam uint8, a netip.Addr) {
	if family(a) == fam {
		m.addr(unix.RTA_GATEWAY, a)
		return
	}
	at := m.attribute(unix.RTA_VIA)
	m.b = native.AppendUint16(m.b, uint16(family(a)))
	m.b = append(m.b, a.AsSlice()...)
	m.close(at)
}

func (m *message) hops(fam uint8, hops []Hop, link func(string) uint32) {
	if len(hops) == 1 {
		m.gateway(fam, hops[0].Gateway)
		if hops[0].Interface != "" {
			m.u32(unix.RTA_OIF, link(hops[0].Interface))
		}
		return
	}
	all := m.attribute(unix.RTA_MULTIPATH)
	for _, h := range hops {
		at := len(m.b)
		m.b = append(m.b, 0, 0, 0, uint8(max(h.Weight, 1)-1))
		m.b = native.AppendUint32(m.b, link(h.Interface))
		m.gateway(fam, h.Gateway)
		native.PutUint16(m.b[at:], uint16(len(m.b)-at))
	}
	m.close(all)
}

// nexthop writes one to a gateway, for groups to hold.
func (m *message) nexthop(id uint32, h Hop, seq uint32, link func(string) uint32) {
	m.begin(unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE|unix.NLM_F_EXCL, seq)
	m.b = append(m.b, family(h.Gateway), unix.RT_SCOPE_UNIVERSE, Protocol, 0, 0, 0, 0, 0)
	m.u32(unix.NHA_ID, id)
	m.u32(unix.NHA_OIF, link(h.Interface))
	m.addr(unix.NHA_GATEWAY, h.Gateway)
	m.end()
}

// group writes one Op of a nexthop group. id gives that of the nexthop to a gateway.
func (m *message) group(op *Op, seq uint32, id func(Hop) uint32) {
	flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
	if op.Verb == Replace {
		flags = unix.NLM_F_REPLACE
	}
	m.begin(unix.RTM_NEWNEXTHOP, flags, seq)
	m.b = append(m.b, unix.AF_UNSPEC, unix.RT_SCOPE_UNIVERSE, Protocol, 0, 0, 0, 0, 0)
	m.u32(unix.NHA_ID, op.Object.ID)
	at := m.attribute(unix.NHA_GROUP)
	for _, h := range op.Object.Hops {
		m.b = native.AppendUint32(m.b, id(h))
		m.b = append(m.b, uint8(max(h.Weight, 1)-1), 0, 0, 0)
	}
	m.close(at)
	m.end()
}

// byID asks for a nexthop, or asks for it to go.
func (m *message) byID(kind uint16, id, seq uint32) {
	m.begin(kind, 0, seq)
	m.b = append(m.b, make([]byte, unix.SizeofNhmsg)...)
	m.u32(unix.NHA_ID, id)
	m.end()
}

// address writes one Op of an address.
func (m *message) address(op *Op, seq uint32, link func(string) uint32) {
	o := op.Object
	kind, flags := uint16(unix.RTM_NEWADDR), uint16(unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	if op.Verb == Remove {
		kind, flags = unix.RTM_DELADDR, 0
	}
	m.begin(kind, flags, seq)
	m.b = append(m.b, family(o.Prefix.Addr()), uint8(o.Prefix.Bits()), unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE)
	m.b = native.AppendUint32(m.b, link(o.Interface))
	m.addr(unix.IFA_LOCAL, o.Prefix.Addr())
	m.addr(unix.IFA_ADDRESS, o.Prefix.Addr())
	if op.Verb != Remove {
		at := m.attribute(ifaProto)
		m.b = append(m.b, Protocol)
		m.close(at)
	}
	m.end()
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// received is one message from the kernel.
type received struct {
	kind, flags uint16
	seq, port   uint32
	body        []byte
}

// messages yields those in b, as far as they are whole.
func messages(b []byte) iter.Seq[received] {
	return func(yield func(received) bool) {
		for len(b) >= headerLength {
			n := int(native.Uint32(b))
			if n < headerLength || n > len(b) {
				return
			}
			m := received{
				kind: native.Uint16(b[4:]), flags: native.Uint16(b[6:]),
				seq: native.Uint32(b[8:]), port: native.Uint32(b[12:]), body: b[headerLength:n],
			}
			if !yield(m) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// attributes yields those in b, as far as they are whole.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			n := int(native.Uint16(b))
			if n < unix.SizeofRtAttr || n > len(b) {
				return
			}
			const flags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
			if !yield(native.Uint16(b[2:])&^uint16(flags), b[unix.SizeofRtAttr:n]) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}
