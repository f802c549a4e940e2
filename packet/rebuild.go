package packet

import "encoding/binary"

// PutDatagram writes the frame that a received datagram travelled in to the
// front of b, as far as it is known: without VLAN tag and DSCP, and with the
// Ethernet addresses of d, which are zero when a socket delivered it. A payload
// that b has no room for is cut off. It returns the length of the frame and the
// offset of the payload in it; 0, 0 when not even the headers have room or the
// addresses are of two families.
func PutDatagram(b []byte, d *Datagram) (n, payload int) {
	p := Path{SrcMAC: d.SrcMAC, DstMAC: d.DstMAC, Src: d.Src, Dst: d.Dst, SrcPort: d.SrcPort, DstPort: d.DstPort, TTL: d.TTL}
	v4 := d.Src.Is4()
	l4 := ethernetLen + ipv6Len
	if v4 {
		l4 = ethernetLen + ipv4Len
	}
	payload = l4 + udpLen
	if len(b) < payload || v4 != d.Dst.Is4() {
		return 0, 0
	}
	n = payload + min(len(d.Payload), len(b)-payload)
	clear(b[:payload])
	copy(b[payload:n], d.Payload)
	putEthernet(b, &p, v4)
	if v4 {
		putIPv4(b[ethernetLen:], &p, n-l4)
		b[ethernetLen+8] = d.TTL // which a Path cannot have as 0
	} else {
		putIPv6(b[ethernetLen:], &p, n-l4)
		b[ethernetLen+7] = d.TTL
	}
	putUDP(b[l4:n], &p, 0)
	FixChecksum(b[:n], payload)
	return n, payload
}

// FixChecksum gives a frame whose payload begins at an offset the UDP checksum
// that fits, and if it is IPv4 the header's. The offset tells IPv4 without
// options from IPv6 without extension headers; a frame that is too short for
// what it says stays as it is.
func FixChecksum(frame []byte, payload int) {
	l4 := payload - udpLen
	if l4 < ethernetLen+ipv4Len || payload > len(frame) {
		return
	}
	length := int(binary.BigEndian.Uint16(frame[l4+4:]))
	if length < udpLen || l4+length > len(frame) {
		return
	}
	udp := frame[l4 : l4+length]
	var addrs uint64
	if l4 >= ethernetLen+ipv6Len {
		addrs = sum(0, frame[l4-ipv6Len+8:l4])
	} else {
		ip := frame[l4-ipv4Len : l4]
		addrs = sum(0, ip[12:])
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^fold(sum(0, ip)))
	}
	udp[6], udp[7] = 0, 0
	binary.BigEndian.PutUint16(udp[6:], sendChecksum(sum(addrs+protocolUDP+uint64(length), udp)))
}
