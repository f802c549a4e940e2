package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// withAuth makes a valid packet of one with an authentication section.
func withAuth(section ...byte) func(*bed, packet.Control) *draft {
	return func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c).trailing(section...)
		d.payload[1] |= 4
		d.payload[3] = byte(len(d.payload))
		return d
	}
}

func setLength(n byte, flags byte) func(*bed, packet.Control) *draft {
	return of(func(b []byte) { b[3] = n; b[1] |= flags })
}

// authOfLength has the A bit, room for a section and this Length.
func authOfLength(n byte) func(*bed, packet.Control) *draft {
	return func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c).trailing(1, 4, 0, 'x')
		d.payload[1] |= 4
		d.payload[3] = n
		return d
	}
}

const (
	ipStart  = 14           // of the IPv4 header in an untagged frame
	udpStart = ipStart + 20 // of the UDP header
	bfdStart = udpStart + 8
)

func edited(spoil func(b []byte) []byte) func(*bed, packet.Control) *draft {
	return func(b *bed, c packet.Control) *draft { return b.frameOf(c).edit(spoil) }
}

// fixIP makes the IPv4 header checksum right again.
func fixIP(b []byte) []byte {
	h := b[ipStart : ipStart+int(b[ipStart]&15)*4]
	h[10], h[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum>>16+sum))
	return b
}

// stateless is a packet without Your Discriminator.
func stateless(state packet.State) func(b []byte) {
	return func(b []byte) { clear(b[8:12]); b[1] = b[1]&0x3f | byte(state)<<6 }
}

// discardProbes are packets to be discarded for all reasons but their version and
// their TTL.
var discardProbes = []probe{
	{"short payload", func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c)
		d.payload = d.payload[:23]
		return d
	}, packet.DropShort, nil},
	{"empty payload", func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c)
		d.payload = nil
		return d
	}, packet.DropShort, nil},
	{"length 0", setLength(0, 0), packet.DropBadLengthMin, []string{"5880-6.8.6-02"}},
	{"length 23", setLength(23, 0), packet.DropBadLengthMin, []string{"5880-6.8.6-02"}},
	{"length 24 with A", authOfLength(24), packet.DropBadLengthMin, []string{"5880-6.8.6-03"}},
	{"length 25 with A", authOfLength(25), packet.DropBadLengthMin, []string{"5880-6.8.6-03"}},
	{"length 25 of 24", setLength(25, 0), packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
	{"length 52 of 24", setLength(52, 0), packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
	{"length 255 of 24", setLength(255, 0), packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
	{"length within IP but beyond UDP", func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c).trailing(make([]byte, 8)...)
		d.payload[3] = 32
		return d.edit(func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[udpStart+4:], 8+24)
			binary.BigEndian.PutUint16(b[udpStart+6:], 0) // no checksum
			return b
		})
	}, packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
	{"detect mult 0", of(func(b []byte) { b[2] = 0 }), packet.DropZeroMult, []string{"5880-6.8.6-06"}},
	{"M", of(func(b []byte) { b[1] |= 1 }), packet.DropMultipoint, []string{"5880-6.8.6-07"}},
	{"my discriminator 0", of(func(b []byte) { clear(b[4:8]) }), packet.DropZeroMyDiscr, []string{"5880-6.8.6-08"}},
	{"unknown your discriminator", of(func(b []byte) { b[8] ^= 0x5a; b[11] ^= 0xa5 }), packet.DropUnknownYourDiscr, []string{"5880-6.8.6-09"}},
	{"your discriminator 0 in Init", of(stateless(packet.Init)), packet.DropZeroYourDiscrState, []string{"5880-6.8.6-10"}},
	{"your discriminator 0 in Up", of(stateless(packet.Up)), packet.DropZeroYourDiscrState, []string{"5880-6.8.6-10"}},
	{"no session at this address", func(b *bed, c packet.Control) *draft {
		c.State, c.YourDiscr = packet.Down, 0
		d := b.frameOf(c)
		d.v4.SrcIP = []byte{192, 0, 2, 77}
		return d
	}, packet.DropNoSession, []string{"5880-6.8.6-13"}},
	{"authenticated by a password", withAuth(1, 9, 7, 's', 'e', 'c', 'r', 'e', 't'), packet.DropAuthUnexpected, []string{"5880-6.8.6-14"}},
	{"authenticated by meticulous SHA1", withAuth(append([]byte{5, 28, 7, 0, 0, 0, 0, 1}, make([]byte, 20)...)...), packet.DropAuthUnexpected, []string{"5880-6.8.6-14"}},
	{"a bit flipped in BFD", edited(func(b []byte) []byte { b[bfdStart+13] ^= 4; return b }), packet.DropBadChecksum, []string{"ENV-UDP-01"}},
	{"a bit flipped in the IP header", edited(func(b []byte) []byte { b[ipStart+5] ^= 1; return b }), packet.DropBadChecksum, []string{"ENV-UDP-02"}},
	{"IP options", edited(func(b []byte) []byte {
		b = append(b[:udpStart:udpStart], append([]byte{1, 1, 1, 1}, b[udpStart:]...)...)
		b[ipStart] = 0x46
		b[ipStart+3] += 4
		return fixIP(b)
	}), packet.DropFrame, []string{"ENV-UDP-02"}},
	{"a first fragment", edited(func(b []byte) []byte { b[ipStart+6] |= 0x20; return fixIP(b) }), packet.DropFrame, []string{"ENV-UDP-02"}},
	{"IP length beyond the frame", edited(func(b []byte) []byte { b[ipStart+3] += 40; return fixIP(b) }), packet.DropFrame, []string{"ENV-UDP-02"}},
	{"UDP length beyond IP", edited(func(b []byte) []byte { b[udpStart+5] += 40; return b }), packet.DropFrame, []string{"ENV-UDP-02"}},
	{"multihop port", func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c)
		d.udp.DstPort = 4784
		return d
	}, packet.DropUnknownYourDiscr, nil},
}

// Every reason for which a packet must be discarded, each shown by all four
// observations.
func TestDiscardProbes(t *testing.T) {
	probes := slices.Clone(discardProbes)
	for _, v := range []byte{0, 2, 7} {
		probes = append(probes, probe{fmt.Sprintf("version %d", v), of(func(b []byte) { b[0] = b[0]&0x1f | v<<5 }),
			packet.DropBadVersion, []string{"5880-6.8.6-01"}})
	}
	for _, n := range []uint8{254, 64, 1, 0} {
		probes = append(probes, probe{fmt.Sprintf("TTL %d", n), func(b *bed, c packet.Control) *draft { return b.frameOf(c).ttl(n) },
			packet.DropTTL, []string{"5881-5-02", "5082-3-06"}})
	}
	probes = append(probes, probe{"TTL 254 and no discriminator", func(b *bed, c packet.Control) *draft {
		c.State, c.YourDiscr = packet.Down, 0
		return b.frameOf(c).ttl(254)
	}, packet.DropTTL, []string{"5881-5-02"}})

	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			p.discard(newBed(t, p50))
			rows.Covers(t, append(p.rows, "5880-6.8.6-29")...)
		})
	}
}

// The same over IPv6 where the header matters.
func TestDiscardProbes6(t *testing.T) {
	const udp6 = 14 + 40
	probes := []probe{
		{"hop limit 254", func(b *bed, c packet.Control) *draft { return b.frameOf(c).ttl(254) }, packet.DropTTL, []string{"5881-5-02"}},
		{"no checksum", edited(func(b []byte) []byte { b[udp6+6], b[udp6+7] = 0, 0; return b }), packet.DropBadChecksum, []string{"ENV-UDP-01"}},
		{"a bit flipped", edited(func(b []byte) []byte { b[udp6+8+5] ^= 0x80; return b }), packet.DropBadChecksum, []string{"ENV-UDP-01"}},
		{"hop-by-hop options", edited(func(b []byte) []byte {
			b = append(b[:udp6:udp6], append([]byte{17, 0, 1, 4, 0, 0, 0, 0}, b[udp6:]...)...)
			b[14+6] = 0
			b[14+5] += 8
			return b
		}), packet.DropFrame, nil},
	}
	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			p.discard(newBedAt(t, p50, addr6D, addr6T))
			rows.Covers(t, append(p.rows, "5880-6.8.6-29")...)
		})
	}
}

// Your Discriminator 0 with Init or Up is judged by the packet's state whatever
// D's own state is.
func TestZeroYourDiscriminatorInEveryState(t *testing.T) {
	for _, own := range []packet.State{packet.Down, packet.Init} {
		for _, said := range []packet.State{packet.Init, packet.Up} {
			b := newBed(t, p50)
			b.world.Run(10 * Millisecond)
			if own == packet.Init {
				b.once(func(c *packet.Control) { c.YourDiscr = 0 })
				b.world.Run(10 * Millisecond)
			}
			b.stands("before", own, packet.DiagNone)
			was := b.status()
			b.once(func(c *packet.Control) { c.State, c.YourDiscr, c.MyDiscr, c.Poll = said, 0, 99, true })
			if n := len(b.during(10 * Millisecond)); n != 0 {
				t.Errorf("%v hears %v with discriminator 0: %d packets", own, said, n)
			}
			b.stands("after", own, packet.DiagNone)
			if st := b.status(); st.Remote != was.Remote || st.Counters.Rx != was.Counters.Rx || b.drops()[packet.DropZeroYourDiscrState] != 1 {
				t.Errorf("%v hears %v with discriminator 0: remote %+v, discards %v", own, said, st.Remote, b.drops())
			}
		}
	}
	rows.Covers(t, "5880-6.8.6-10")
}

// A packet with several faults counts under the first rule that it breaks.
func TestOrderOfRules(t *testing.T) {
	tests := []struct {
		name string
		edit func(b []byte) []byte // of the UDP payload
		want packet.Drop
	}{
		{"version 0 and mult 0", func(b []byte) []byte { b[0] &= 0x1f; b[2] = 0; return b }, packet.DropBadVersion},
		{"length 23 and M", func(b []byte) []byte { b[3] = 23; b[1] |= 1; return b }, packet.DropBadLengthMin},
		{"mult 0, M, my discriminator 0", func(b []byte) []byte { b[2] = 0; b[1] |= 1; clear(b[4:8]); return b }, packet.DropZeroMult},
		{"my discriminator 0, your unknown", func(b []byte) []byte { clear(b[4:8]); b[9] ^= 1; return b }, packet.DropZeroMyDiscr},
		{"your unknown and A", func(b []byte) []byte {
			b[9] ^= 1
			b[1] |= 4
			b[3] = 28
			return append(b, 1, 4, 0, 'x')
		}, packet.DropUnknownYourDiscr},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t, p50)
			b.up()
			d := b.frameOf(b.control())
			d.payload = tt.edit(d.payload)
			before := b.drops()
			b.sendFrame(d.bytes(b))
			b.world.Run(Millisecond)
			before[tt.want]++
			if got := b.drops(); got != before {
				t.Errorf("discards %v, want only %v to rise: %v", got, tt.want, before)
			}
			rows.Covers(t, "5880-6.8.6-30")
		})
	}
}

// Received packets fall into three classes, each with its counter: trusted ones
// (GTSM, RFC 5082) are accepted, dangerous ones match a session but come from
// afar, the others are of no session.
func TestClassesOfPackets(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.talk(0)
	b.world.Run(slack)
	before := b.d.Totals()
	for range 3 {
		b.once(func(*packet.Control) {})
	}
	for range 5 {
		b.sendFrame(b.frameOf(b.control()).ttl(254).bytes(b))
	}
	for range 7 {
		b.once(func(c *packet.Control) { c.YourDiscr ^= 0xff })
	}
	b.world.Run(slack)
	after := b.d.Totals()
	trusted := after.Rx - before.Rx
	dangerous := after.Drops[packet.DropTTL] - before.Drops[packet.DropTTL]
	unknown := after.Drops[packet.DropUnknownYourDiscr] - before.Drops[packet.DropUnknownYourDiscr]
	if trusted != 3 || dangerous != 5 || unknown != 7 {
		t.Errorf("%d trusted, %d dangerous, %d unknown; want 3, 5, 7", trusted, dangerous, unknown)
	}
	rows.Covers(t, "5082-3-03", "5880-9-01")
}
