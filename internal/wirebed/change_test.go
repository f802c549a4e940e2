package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// The peer's Required Min RX counts from its very packet, in any packet.
func TestPeerChangesItsRate(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.tell(func(c *packet.Control) { c.RequiredMinRx, c.DetectMult = 1_000_000, 250 })
		b.up()
		b.talk(0)
		into := func(d time.Duration) time.Duration { // d after a packet of D
			h, ok := b.await(now(), 1100*time.Millisecond, func(hearing) bool { return true })
			if !ok {
				b.tooLate("no packet in a second")
			}
			sleepUntil(h.at + d)
			return h.at
		}
		// P5: lowered half a second into a gap: D sends at once.
		into(500 * time.Millisecond)
		from := now()
		b.once(func(c *packet.Control) { c.RequiredMinRx = 100_000 })
		b.says("P5", from, func(hearing) bool { return true })
		b.gaps("P5", periodic(b.during(800*time.Millisecond)), 6, 75, 100)

		// Lowered 30 ms into a gap: counted from the packet before.
		b.once(func(c *packet.Control) { c.RequiredMinRx = 1_000_000 })
		b.settle()
		into(0)
		last := into(30 * time.Millisecond)
		b.once(func(c *packet.Control) { c.RequiredMinRx = 100_000 })
		h, ok := b.await(last+1, 200*time.Millisecond, func(hearing) bool { return true })
		switch {
		case !ok:
			b.tooLate("P5: nothing in 200 ms")
		case h.at < last+75*time.Millisecond-ahead:
			b.tooEarly("P5: the next packet %v after the one before", h.at-last)
		case h.at > last+100*time.Millisecond+slack:
			b.slow("P5: the next packet %v after the one before", h.at-last)
		}

		// P6: raised.
		b.once(func(c *packet.Control) { c.RequiredMinRx = 400_000 })
		time.Sleep(100 * time.Millisecond)
		b.gaps("P6", periodic(b.during(1500*time.Millisecond)), 2, 300, 400)
	})
	rows.Covers(t, "5880-6.8.3-08", "5880-6.8.3-09", "5880-6.8.6-20", "5880-6.8.6-23", "5880-6.8.7-22")
}

// P9: the peer's Desired Min TX counts for detection from that packet on, both
// ways.
func TestPeerChangesDetection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		from, to uint32
		detect   float64
	}{{"raised", 100_000, 500_000, 1500}, {"lowered", 500_000, 100_000, 300}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			on(t, with(p100), func(b *bed) {
				b.tell(func(c *packet.Control) { c.DesiredMinTx = tt.from })
				b.up()
				b.hush()
				b.once(func(c *packet.Control) { c.DesiredMinTx = tt.to })
				b.downAfter("P9", tt.detect)
			})
			rows.Covers(t, "5880-6.8.3-10", "5880-6.8.4-02", "5880-6.8.6-24")
		})
	}
}

// A new discriminator of the peer changes nothing else.
func TestPeerChangesItsDiscriminator(t *testing.T) {
	t.Parallel()
	on(t, with(p100), func(b *bed) {
		b.up()
		from := now()
		b.tell(func(c *packet.Control) { c.MyDiscr = 0x600d })
		time.Sleep(time.Second)
		all := periodic(b.since(from))
		b.gaps("new discriminator, which one more packet may tell", all, 8, 0, 100)
		b.keeps("new discriminator", all, packet.Up, packet.DiagNone)
		changed := false
		for i, h := range all {
			if changed = changed || h.YourDiscr == 0x600d; changed && h.YourDiscr != 0x600d {
				b.Errorf("packet %d is to %#x again", i, h.YourDiscr)
			}
		}
		if !changed {
			b.Errorf("Your Discriminator does not follow")
		}
	})
	rows.Covers(t, "5880-6.8.6-17", "5880-6.3-04", "5880-6.8.7-12")
}

// P12, P13: a peer with coarse timers answers by larger values of its own and
// then polls them: D follows (RFC 7419, Appendix B).
func TestCoarsePeer(t *testing.T) {
	t.Parallel()
	on(t, with(ms(50, 50, 3)), func(b *bed) {
		b.up()
		b.replies(false)
		from := now()
		b.configure(ms(75, 75, 3))
		b.says("Poll", from, func(h hearing) bool { return h.Poll })
		b.tell(func(c *packet.Control) { c.DesiredMinTx, c.RequiredMinRx = 250_000, 250_000 })
		b.once(func(c *packet.Control) { c.Final = true }) // new values on the Final itself
		b.answered("T's own Poll", nil)
		b.talk(225 * time.Millisecond)
		time.Sleep(250 * time.Millisecond)
		b.gaps("250 ms both ways", periodic(b.during(2*time.Second)), 7, 187.5, 250)
		b.hush()
		b.downAfter("250 ms both ways", 750)
	})
	rows.Covers(t, "7419-B-01", "5880-6.8.3-13")
}
