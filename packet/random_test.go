package packet_test

import (
	"math/rand/v2"

	"github.com/xbfd/xbfd/packet"
)

// fill fills b from rng; now and then with all zeros or all ones, where sums
// have their corners.
func fill(rng *rand.Rand, b []byte) {
	switch rng.IntN(8) {
	case 0:
		clear(b)
	case 1:
		for i := range b {
			b[i] = 0xff
		}
	default:
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
	}
}

func randomPath(rng *rand.Rand) packet.Path {
	var p packet.Path
	fill(rng, p.SrcMAC[:])
	fill(rng, p.DstMAC[:])
	if rng.IntN(2) == 0 {
		fill(rng, p.Src[:])
		fill(rng, p.Dst[:])
		p.Src[0], p.Dst[0] = 0x20, 0x20 // keeps them apart from mapped IPv4
	} else {
		p.Src, p.Dst = packet.Addr{10: 0xff, 11: 0xff}, packet.Addr{10: 0xff, 11: 0xff}
		fill(rng, p.Src[12:])
		fill(rng, p.Dst[12:])
	}
	if rng.IntN(2) == 0 {
		p.VLAN, p.PCP = uint16(1+rng.IntN(4095)), uint8(rng.IntN(8))
	}
	p.SrcPort, p.DstPort = uint16(rng.Uint32()), packet.PortControl
	p.TTL, p.DSCP = uint8(rng.Uint32()), uint8(rng.IntN(64))
	return p
}

// randomControl returns a header that passes every check.
func randomControl(rng *rand.Rand) packet.Control {
	var word [16]byte
	fill(rng, word[:])
	u32 := func(i int) uint32 {
		return uint32(word[i])<<24 | uint32(word[i+1])<<16 | uint32(word[i+2])<<8 | uint32(word[i+3])
	}
	return packet.Control{
		State: packet.State(rng.IntN(4)), Diag: packet.Diag(rng.IntN(32)),
		CPI: rng.IntN(2) == 0, Demand: rng.IntN(2) == 0,
		DetectMult: uint8(1 + rng.IntN(255)), Length: packet.ControlLen,
		MyDiscr: max(1, rng.Uint32()), YourDiscr: u32(0),
		DesiredMinTx: u32(4), RequiredMinRx: u32(8), RequiredMinEchoRx: u32(12),
	}
}

// randomAuth returns a section of any type, or nil.
func randomAuth(rng *rand.Rand) *packet.Auth {
	typ := packet.AuthType(rng.IntN(6))
	if typ == 0 {
		return nil
	}
	a := &packet.Auth{Type: typ, KeyID: uint8(rng.Uint32())}
	switch typ {
	case packet.AuthSimple:
		a.N = uint8(1 + rng.IntN(16))
	case packet.AuthKeyedMD5, packet.AuthMeticulousMD5:
		a.N, a.Seq = 16, rng.Uint32()
	default:
		a.N, a.Seq = 20, rng.Uint32()
	}
	fill(rng, a.Data[:a.N])
	return a
}
