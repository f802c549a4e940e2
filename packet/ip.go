package packet

import "encoding/binary"

// Fields of the IPv4 flags and fragment offset word (RFC 791 §3.1).
const (
	ipv4DontFragment = 0x4000
	ipv4Fragment     = 0x3fff // more fragments, or an offset
)

// parseIPv4 reads an IPv4 packet without options at the front of b.
func (d *Datagram) parseIPv4(b []byte) Drop {
	if len(b) < ipv4Len || b[0] != 0x45 {
		return DropFrame
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < ipv4Len || total > len(b) {
		return DropFrame
	}
	if binary.BigEndian.Uint16(b[6:])&ipv4Fragment != 0 || b[9] != protocolUDP {
		return DropFrame
	}
	d.TTL = b[8]
	d.Src.setIPv4(b[12:16])
	d.Dst.setIPv4(b[16:20])
	addrs := sum(0, b[12:20])
	drop := d.parseUDP(b[ipv4Len:total], addrs, true)
	if drop == DropNone && fold(sum(addrs, b[:12])) != 0xffff {
		return DropBadChecksum
	}
	return drop
}

// parseIPv6 reads an IPv6 packet without extension headers at the front of b.
func (d *Datagram) parseIPv6(b []byte) Drop {
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return DropFrame
	}
	end := ipv6Len + int(binary.BigEndian.Uint16(b[4:]))
	if end > len(b) || b[6] != protocolUDP {
		return DropFrame
	}
	d.TTL = b[7]
	d.Src, d.Dst = Addr(b[8:24]), Addr(b[24:40])
	if d.Src.Is4() || d.Dst.Is4() {
		return DropFrame // an Addr could not tell it from real IPv4
	}
	return d.parseUDP(b[ipv6Len:end], sum(0, b[8:40]), false)
}

// parseUDP reads the UDP datagram that b, the payload of an IP packet, begins
// with. addrs is the sum of the IP addresses; zeroOK says that a checksum of 0
// means "none", as in IPv4.
func (d *Datagram) parseUDP(b []byte, addrs uint64, zeroOK bool) Drop {
	if len(b) < udpLen {
		return DropFrame
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < udpLen || n > len(b) {
		return DropFrame
	}
	d.SrcPort = binary.BigEndian.Uint16(b)
	d.DstPort = binary.BigEndian.Uint16(b[2:])
	d.Payload = b[udpLen:n:n]
	if len(d.Payload) < ControlLen && d.DstPort != PortEcho {
		return DropShort
	}
	check := binary.BigEndian.Uint16(b[6:])
	if check == 0 {
		if zeroOK {
			return DropNone
		}
		return DropBadChecksum
	}
	// Linux leaves the folded pseudo-header sum in the field for a device to
	// complete; a virtual device hands it to us as it is.
	pseudo := addrs + protocolUDP + uint64(n)
	if fold(sum(pseudo, b[:n])) != 0xffff && fold(pseudo) != check {
		return DropBadChecksum
	}
	return DropNone
}

// setIPv4 writes the IPv4 address of 4 bytes b over the zero Addr a. It is one
// store: smaller ones, read back at once as a whole, would stall.
func (a *Addr) setIPv4(b []byte) {
	binary.BigEndian.PutUint64(a[8:], 0xffff<<32|uint64(binary.BigEndian.Uint32(b)))
}
