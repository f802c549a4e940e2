package explain

import (
	"encoding/binary"
	"slices"

	"github.com/xbfd/xbfd/packet"
)

// datagram is what bpf/src/parse.h finds in a frame.
type datagram struct {
	src, dst packet.Addr
	discr    uint32 // 0 when the payload is too short for it
	port     uint16
	ttl      uint8
}

// ipv4 reads the packet at b; a verdict that is not empty is final.
func (d *datagram) ipv4(b []byte) (verdict string) {
	switch {
	case len(b) < 20 || b[0]>>4 != 4 || b[9] != 17:
		return "pass_other"
	case b[0] != 0x45:
		return "pass_options"
	case binary.BigEndian.Uint16(b[6:])&0x3fff != 0:
		return "pass_fragment"
	case !d.udp(b[20:]):
		return "pass_other"
	}
	d.src, d.dst, d.ttl = mapped(b[12:16]), mapped(b[16:20]), b[8]
	return ""
}

// extensions are the next headers that may stand between IPv6 and UDP.
var extensions = []byte{0, 43, 44, 50, 51, 60, 135, 139, 140}

func (d *datagram) ipv6(b []byte) (verdict string) {
	switch {
	case len(b) < 40 || b[0]>>4 != 6:
		return "pass_other"
	case slices.Contains(extensions, b[6]):
		return "pass_extension"
	case b[6] != 17 || !d.udp(b[40:]):
		return "pass_other"
	}
	d.src, d.dst, d.ttl = packet.Addr(b[8:24]), packet.Addr(b[24:40]), b[7]
	if d.dst.Is4() {
		return "pass_other"
	}
	return ""
}

// udp reads the header at b and reports whether it is for a port of BFD's.
func (d *datagram) udp(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	d.port = binary.BigEndian.Uint16(b[2:])
	length, at, need := binary.BigEndian.Uint16(b[4:]), 8, packet.ControlLen
	switch d.port {
	case packet.PortControl, packet.PortMultihop:
	case packet.PortEcho:
		at, need = 4, 8
	default:
		return false
	}
	if payload := b[8:]; len(payload) >= need && int(length) >= 8+need {
		d.discr = binary.BigEndian.Uint32(payload[at:])
	}
	return true
}

func mapped(b []byte) (a packet.Addr) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], b)
	return a
}
