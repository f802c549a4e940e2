package packet

import "encoding/binary"

// Lengths in bytes of the headers around a packet.
const (
	ethernetLen = 14
	vlanLen     = 4
	ipv4Len     = 20 // without options: a frame with options is not for us
	ipv6Len     = 40 // without extension headers, likewise
	udpLen      = 8
)

// EtherTypes (IEEE 802 numbers registry).
const (
	etherTypeIPv4 = 0x0800
	etherTypeVLAN = 0x8100
	etherTypeIPv6 = 0x86dd
)

const protocolUDP = 17

// ParseEthernet reads a frame that carries UDP over IPv4 or IPv6, behind at
// most one 802.1Q tag, into d. Every field of d is written; Payload points into
// b. It judges what the headers alone can tell and leaves the verdict in
// d.Drop, the smallest of the reasons that apply:
//
//   - DropFrame: cut short, not UDP, lengths that contradict each other, IPv4
//     options, a fragment, an IPv6 extension header, an IPv4-mapped address in
//     IPv6 (no such thing belongs on a wire). The other fields of d then hold
//     what had been read so far.
//   - DropShort: the payload cannot hold a Control packet. Datagrams to
//     PortEcho are exempt: what an Echo packet holds is its sender's business.
//   - DropBadChecksum: of the IPv4 header, or of UDP.
//
// Bytes behind the IP packet (Ethernet padding) are ignored. Ports, addresses
// and TTL are reported, not judged.
func ParseEthernet(b []byte, d *Datagram) {
	*d = Datagram{Drop: DropFrame}
	if len(b) < ethernetLen {
		return
	}
	d.DstMAC, d.SrcMAC = MAC(b[0:6]), MAC(b[6:12])
	etherType := binary.BigEndian.Uint16(b[12:])
	b = b[ethernetLen:]
	if etherType == etherTypeVLAN {
		if len(b) < vlanLen {
			return
		}
		d.VLAN = binary.BigEndian.Uint16(b) & 0x0fff
		etherType = binary.BigEndian.Uint16(b[2:])
		b = b[vlanLen:]
	}
	switch etherType {
	case etherTypeIPv4:
		d.Drop = d.parseIPv4(b)
	case etherTypeIPv6:
		d.Drop = d.parseIPv6(b)
	}
}
