package packet

import "net/netip"

// Addr is an IP address as 16 bytes without pointers, IPv4 mapped into IPv6
// (::ffff:a.b.c.d), so that values which hold one are invisible to the garbage
// collector and comparable. The interface an address belongs to stands beside
// it wherever scope matters.
type Addr [16]byte

// AddrFrom converts a; its zone is dropped, the zero netip.Addr gives the zero Addr.
func AddrFrom(a netip.Addr) Addr {
	if !a.IsValid() {
		return Addr{}
	}
	return Addr(a.As16())
}

// Netip converts back: a mapped address becomes plain IPv4, the zero Addr the
// invalid netip.Addr.
func (a Addr) Netip() netip.Addr {
	if a == (Addr{}) {
		return netip.Addr{}
	}
	return netip.AddrFrom16(a).Unmap()
}

// Is4 reports whether a is an IPv4 address.
func (a Addr) Is4() bool {
	return a[10] == 0xff && a[11] == 0xff && [10]byte(a[:10]) == [10]byte{}
}

// MAC is an Ethernet address.
type MAC [6]byte

// Datagram is a received UDP datagram with all of its surroundings that a
// session may be judged by. Payload points into the buffer of whoever received
// it and is only valid until that buffer is given back.
type Datagram struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	SrcMAC, DstMAC   MAC    // zero when a socket delivered it
	VLAN             uint16 // VLAN id when the frame carried a tag, else 0
	TTL              uint8  // TTL or Hop Limit as received
	Drop             Drop   // why the surroundings alone condemn it, else DropNone
	Payload          []byte // UDP payload, bounded by the UDP length field
}
