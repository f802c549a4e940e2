package packet

import "encoding/binary"

// putEthernet writes the Ethernet header and the tag, if there is one, and
// returns their length.
func putEthernet(b []byte, p *Path, v4 bool) int {
	n := ethernetLen
	copy(b[0:6], p.DstMAC[:])
	copy(b[6:12], p.SrcMAC[:])
	if p.VLAN != 0 {
		binary.BigEndian.PutUint16(b[12:], etherTypeVLAN)
		binary.BigEndian.PutUint16(b[14:], uint16(p.PCP)<<13|p.VLAN&0x0fff)
		n += vlanLen
	}
	etherType := uint16(etherTypeIPv6)
	if v4 {
		etherType = etherTypeIPv4
	}
	binary.BigEndian.PutUint16(b[n-2:], etherType)
	return n
}

// putIPv4 writes the header of a packet with a payload of n bytes and returns
// the sum of its addresses. Don't Fragment is set and the identification is
// therefore free to be 0 (RFC 6864 §4.1).
func putIPv4(b []byte, p *Path, n int) uint64 {
	b[0] = 0x45
	b[1] = p.DSCP << 2
	binary.BigEndian.PutUint16(b[2:], uint16(ipv4Len+n))
	binary.BigEndian.PutUint16(b[6:], ipv4DontFragment)
	b[8] = p.hopLimit()
	b[9] = protocolUDP
	copy(b[12:16], p.Src[12:])
	copy(b[16:20], p.Dst[12:])
	binary.BigEndian.PutUint16(b[10:], ^fold(sum(0, b[:ipv4Len])))
	return sum(0, b[12:20])
}

// putIPv6 writes the header of a packet with a payload of n bytes and returns
// the sum of its addresses. The flow label is 0.
func putIPv6(b []byte, p *Path, n int) uint64 {
	class := p.DSCP << 2 // the 2 bits below are ECN's
	b[0] = 6<<4 | class>>4
	b[1] = class << 4
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	b[6] = protocolUDP
	b[7] = p.hopLimit()
	copy(b[8:24], p.Src[:])
	copy(b[24:40], p.Dst[:])
	return sum(0, b[8:40])
}

// putUDP writes the header of the datagram that b is all of, with its payload
// in place; addrs is the sum of the IP addresses.
func putUDP(b []byte, p *Path, addrs uint64) {
	binary.BigEndian.PutUint16(b[0:], p.SrcPort)
	binary.BigEndian.PutUint16(b[2:], p.DstPort)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	acc := addrs + protocolUDP + uint64(len(b))
	binary.BigEndian.PutUint16(b[6:], sendChecksum(sum(acc, b)))
}
