package wirebed

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

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

func setLength(n byte) func(*bed, packet.Control) *draft {
	return of(func(b []byte) { b[3] = n })
}

// authOfLength has the A bit, room for a section and this Length.
func authOfLength(n byte) func(*bed, packet.Control) *draft {
	return func(b *bed, c packet.Control) *draft {
		d := withAuth(1, 4, 0, 'x')(b, c)
		d.payload[3] = n
		return d
	}
}

// stateless is a packet without Your Discriminator.
func stateless(s packet.State) func(b []byte) {
	return func(b []byte) {
		b[1] = b[1]&0x3f | byte(s)<<6
		clear(b[8:12])
	}
}

var discardProbes = []probe{
	{"23 bytes", func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c)
		d.payload = d.payload[:23]
		return d
	}, packet.DropShort, nil},
	{"length 0", setLength(0), packet.DropBadLengthMin, []string{"5880-6.8.6-02"}},
	{"length 23", setLength(23), packet.DropBadLengthMin, []string{"5880-6.8.6-02"}},
	{"length 24 with A", authOfLength(24), packet.DropBadLengthMin, []string{"5880-6.8.6-03"}},
	{"length 25 with A", authOfLength(25), packet.DropBadLengthMin, []string{"5880-6.8.6-03"}},
	{"length 25 of 24", setLength(25), packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
	{"length 52 of 24", setLength(52), packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
	{"length 255 of 24", setLength(255), packet.DropBadLengthMax, []string{"5880-6.8.6-04"}},
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
		d.path.Src[15] = 77
		return d
	}, packet.DropNoSession, []string{"5880-6.8.6-13", "9468-2-01"}},
	{"authenticated by a password", withAuth(1, 9, 7, 's', 'e', 'c', 'r', 'e', 't'), packet.DropAuthUnexpected, []string{"5880-6.8.6-14", "5880-6.7.1-01"}},
	{"authenticated by meticulous SHA1", withAuth(append([]byte{5, 28, 7, 0, 0, 0, 0, 1}, make([]byte, 20)...)...), packet.DropAuthUnexpected, []string{"5880-6.8.6-14", "5880-6.7.1-01"}},
	{"a bit flipped in BFD", edited(func(b []byte) []byte { b[bfdStart+13] ^= 4; return b }), packet.DropBadChecksum, []string{"ENV-UDP-01"}},
	{"a bit flipped in the IP header", edited(func(b []byte) []byte { b[ipStart+1] ^= 4; return b }), packet.DropBadChecksum, []string{"ENV-UDP-02"}},
	{"IP length beyond the frame", edited(func(b []byte) []byte { b[ipStart+3] += 40; return fixIP(b) }), packet.DropFrame, []string{"ENV-UDP-02"}},
	{"UDP length beyond IP", edited(func(b []byte) []byte { b[udpStart+5] += 40; return b }), packet.DropFrame, []string{"ENV-UDP-02"}},
	{"TTL 254 and no discriminator", func(b *bed, c packet.Control) *draft {
		c.State, c.YourDiscr = packet.Down, 0
		return b.frameOf(c).ttl(254)
	}, packet.DropTTL, []string{"5881-5-02"}},
}

// Every reason for which a packet must be discarded, each shown by all four
// observations.
func TestDiscardProbes(t *testing.T) {
	t.Parallel()
	probes := slices.Clone(discardProbes)
	for _, v := range []byte{0, 2, 7} {
		probes = append(probes, probe{fmt.Sprintf("version %d", v), of(func(b []byte) { b[0] = b[0]&0x1f | v<<5 }),
			packet.DropBadVersion, []string{"5880-6.8.6-01"}})
	}
	for _, n := range []uint8{254, 64, 1, 0} {
		probes = append(probes, probe{fmt.Sprintf("TTL %d", n), func(b *bed, c packet.Control) *draft { return b.frameOf(c).ttl(n) },
			packet.DropTTL, []string{"5881-5-02", "5082-3-06"}})
	}
	each(t, with(p50), probes, probe.discard, "5880-6.8.6-29")
}

// The same over IPv6 where the header matters.
func TestDiscardProbes6(t *testing.T) {
	t.Parallel()
	const udp6 = ipStart + 40
	each(t, with(p50).v6(), []probe{
		{"hop limit 254", func(b *bed, c packet.Control) *draft { return b.frameOf(c).ttl(254) }, packet.DropTTL, []string{"5881-5-02"}},
		{"hop limit 0", func(b *bed, c packet.Control) *draft { return b.frameOf(c).ttl(0) }, packet.DropTTL, []string{"5881-5-02"}},
		{"no checksum", edited(func(b []byte) []byte { b[udp6+6], b[udp6+7] = 0, 0; return b }), packet.DropBadChecksum, []string{"ENV-UDP-01"}},
		{"a bit flipped", edited(func(b []byte) []byte { b[udp6+8+5] ^= 0x80; return b }), packet.DropBadChecksum, []string{"ENV-UDP-01"}},
	}, probe.discard, "5880-6.8.6-29")
}

// Your Discriminator 0 with Init or Up is judged by the packet's state whatever
// D's own state is.
func TestZeroYourDiscriminatorInEveryState(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		for _, own := range []packet.State{packet.Down, packet.Init} {
			b.awaitFirst()
			if own == packet.Init {
				b.bring(packet.Init)
			}
			for _, said := range []packet.State{packet.Init, packet.Up} {
				was, drops := b.status(), b.drops()
				from := now()
				b.once(func(c *packet.Control) { c.State, c.YourDiscr, c.MyDiscr, c.Poll = said, 0, 99, true })
				time.Sleep(slack)
				if n := len(finals(b.since(from))); n != 0 {
					b.Errorf("%v hears %v with discriminator 0: %d Finals", own, said, n)
				}
				b.stands("after", own, packet.DiagNone)
				drops[packet.DropZeroYourDiscrState]++
				if st := b.status(); st.Remote != was.Remote || st.Counters.Rx+st.RxHeard != was.Counters.Rx+was.RxHeard || b.drops() != drops {
					b.Errorf("%v hears %v with discriminator 0: remote %+v, discards %v", own, said, st.Remote, b.drops())
				}
			}
		}
	})
	rows.Covers(t, "5880-6.8.6-10")
}

// A packet with several faults counts under the first rule that it breaks.
func TestOrderOfRules(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		for _, tt := range []struct {
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
		} {
			want := b.drops()
			want[tt.want]++
			d := b.frameOf(b.said())
			d.payload = tt.edit(d.payload)
			b.inject(d)
			b.settle()
			if got := b.drops(); got != want {
				b.Errorf("%s: discards %v, want only %v to rise: %v", tt.name, got, tt.want, want)
			}
		}
	})
	rows.Covers(t, "5880-6.8.6-30")
}

// Received packets fall into three classes, each with its counter: trusted ones
// (GTSM, RFC 5082) are accepted, dangerous ones match a session but come from
// afar, the others are of no session.
func TestClassesOfPackets(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.tell(func(c *packet.Control) { c.DetectMult = 20 })
		b.up()
		b.talk(0)
		b.settle()
		rx, drops := b.received(), b.drops()
		for range 3 {
			b.once(nil)
		}
		for range 5 {
			b.inject(b.frameOf(b.said()).ttl(254))
		}
		for range 7 {
			b.once(func(c *packet.Control) { c.YourDiscr ^= 0xff })
		}
		b.settle()
		drops[packet.DropTTL] += 5
		drops[packet.DropUnknownYourDiscr] += 7
		if got := b.drops(); got != drops || b.received()-rx != 3 {
			b.Errorf("%d trusted, want 3; discards %v, want %v", b.received()-rx, got, drops)
		}
	})
	rows.Covers(t, "5082-3-03", "5880-9-01")
}
