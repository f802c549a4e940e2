package wirebed

import (
	"encoding/binary"

	"github.com/xbfd/xbfd/packet"
)

// draft is a frame that T is about to send, every part of it open to change.
type draft struct {
	path    packet.Path
	payload []byte
	spoil   func(b []byte) []byte // last, on the bytes
}

// Where things are in an untagged IPv4 frame without options.
const (
	ipStart  = 14
	udpStart = ipStart + 20
	bfdStart = udpStart + 8
)

// frameOf is a valid frame that carries c from T to D; the caller holds mu.
func (t *tester) frameOf(c packet.Control) *draft {
	d := &draft{
		path: packet.Path{
			SrcMAC: t.fromMAC, DstMAC: t.toMAC, Src: t.src, Dst: t.local, SrcPort: t.srcPort, DstPort: t.dstPort,
		},
		payload: make([]byte, packet.ControlLen),
	}
	if t.sign != nil {
		d.payload = t.sign(c)
		return d
	}
	c.Put(d.payload)
	return d
}

// ttl sets TTL or Hop Limit.
func (d *draft) ttl(n uint8) *draft {
	if n != 0 {
		d.path.TTL = n
		return d
	}
	return d.edit(func(b []byte) []byte {
		if d.path.Src.Is4() {
			b[ipStart+8] = 0
			return fixIP(b)
		}
		b[ipStart+7] = 0
		return b
	})
}

// trailing appends bytes behind the BFD packet.
func (d *draft) trailing(b ...byte) *draft {
	d.payload = append(d.payload, b...)
	return d
}

// edit changes the frame's bytes behind the back of lengths and checksums.
func (d *draft) edit(spoil func(b []byte) []byte) *draft {
	d.spoil = spoil
	return d
}

// bytes takes the headers from a template and puts the payload behind them.
func (d *draft) bytes() []byte {
	var tmpl packet.Template
	tmpl.Render(&d.path, &packet.Control{DetectMult: 1, MyDiscr: 1}, nil)
	b := make([]byte, packet.MaxFrame)
	tmpl.Put(b, 0)
	b = append(b[:tmpl.BFD():tmpl.BFD()], d.payload...)
	l4 := b[tmpl.BFD()-8:]
	binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
	if d.path.Src.Is4() {
		binary.BigEndian.PutUint16(b[ipStart+2:], uint16(len(b)-ipStart))
		fixIP(b)
	} else {
		binary.BigEndian.PutUint16(b[ipStart+4:], uint16(len(l4)))
	}
	fixUDP(l4, d.path.Src, d.path.Dst)
	if d.spoil != nil {
		b = d.spoil(b)
	}
	return b
}

// fixIP makes the IPv4 header checksum right again.
func fixIP(b []byte) []byte {
	h := b[ipStart : ipStart+int(b[ipStart]&15)*4]
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], ^add(0, h))
	return b
}

// fixUDP makes the UDP checksum right; nothing here ever adds up to 0.
func fixUDP(udp []byte, src, dst packet.Addr) {
	udp[6], udp[7] = 0, 0
	binary.BigEndian.PutUint16(udp[6:], ^pseudo(udp, src, dst))
}

// pseudo adds up a datagram and its pseudo header. The prefix of an IPv4 address
// in an Addr is not in IPv4's.
func pseudo(udp []byte, src, dst packet.Addr) uint16 {
	from, to := src[:], dst[:]
	if src.Is4() {
		from, to = src[12:], dst[12:]
	}
	return add(uint32(add(uint32(add(17+uint32(len(udp)), from)), to)), udp)
}

// add is the internet checksum's sum, the slow way.
func add(sum uint32, b []byte) uint16 {
	for i := 0; i < len(b); i += 2 {
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
		sum += uint32(b[i]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
