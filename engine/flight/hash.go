package flight

import (
	"math/bits"

	"github.com/xbfd/xbfd/packet"
)

// hash is what a received frame says, in short.
func (r *Recorder) hash(s *Seen) uint32 {
	const section = packet.ControlLen
	var b [section + 8]byte // the mandatory section, then authentication type and key id
	copy(b[:section], s.Payload)
	if len(s.Payload) > section+2 {
		b[section], b[section+1] = s.Payload[section], s.Payload[section+2]
	}
	b[section+2], b[section+3] = s.TTL, byte(s.Drop)
	b[section+4], b[section+5] = byte(s.SrcPort>>8), byte(s.SrcPort)
	b[section+6], b[section+7] = byte(len(s.Payload)>>8), byte(len(s.Payload))
	sum := r.seed
	for _, part := range [...][]byte{b[:], s.Src[:], s.Dst[:]} {
		for ; len(part) >= 8; part = part[8:] {
			hi, lo := bits.Mul64(sum^word(part), 0x9e3779b97f4a7c15)
			sum = hi ^ lo
		}
	}
	return uint32(sum>>32) | 1 // never the zero of a session that has heard nothing
}

func word(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
