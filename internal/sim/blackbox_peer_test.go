package sim

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// The peer's Required Min RX counts from its very packet, in any packet.
func TestPeerChangesItsRate(t *testing.T) {
	// P5: lowered half a second into a gap: D sends at once.
	b := newBed(t, p50)
	b.say.RequiredMinRx, b.say.DetectMult = 1_000_000, 250
	b.up()
	b.world.Run(3 * Second)
	b.talk(0)
	wait := func(d session.Time) { // until d after D's last packet
		n := len(b.heard)
		for len(b.heard) == n {
			b.world.Run(Millisecond)
		}
		b.world.RunUntil(b.heard[len(b.heard)-1].at + d)
	}
	wait(500 * Millisecond)
	b.once(func(c *packet.Control) { c.RequiredMinRx = 100_000 })
	if sent := b.during(slack); len(sent) != 1 {
		t.Errorf("%d packets at once", len(sent))
	}
	b.gaps("P5", periodic(b.during(2*Second)), 18, 75, 100)

	// Lowered 30 ms into a gap: counted from the packet before.
	b.once(func(c *packet.Control) { c.RequiredMinRx = 1_000_000 })
	b.world.Run(3 * Second)
	wait(30 * Millisecond)
	last := b.heard[len(b.heard)-1].at
	b.once(func(c *packet.Control) { c.RequiredMinRx = 100_000 })
	sent := periodic(b.during(Second))
	if gap := float64(sent[0].at-last) / 1e6; gap < 75 || gap > 100.5 {
		t.Errorf("P5: the next packet %.1f ms after the one before, want 75 to 100", gap)
	}
	rows.Covers(t, "5880-6.8.3-08", "5880-6.8.6-20", "5880-6.8.6-23", "5880-6.8.7-22")

	// P6: raised.
	b.once(func(c *packet.Control) { c.RequiredMinRx = 400_000 })
	b.world.Run(100 * Millisecond)
	b.gaps("P6", periodic(b.during(5*Second)), 10, 300, 400)
	rows.Covers(t, "5880-6.8.3-09")

	// P9: its Desired Min TX counts for detection from that packet on.
	b = newBed(t, ms(100, 100, 3))
	b.up()
	b.talk(0)
	b.once(func(c *packet.Control) { c.DesiredMinTx = 1_000_000 })
	b.downAfter("P9", 3000)
	rows.Covers(t, "5880-6.8.3-10", "5880-6.8.4-02")
}

// A new discriminator of the peer changes nothing else.
func TestPeerChangesItsDiscriminator(t *testing.T) {
	b := newBed(t, ms(100, 100, 3))
	b.up()
	from := b.world.now
	b.say.MyDiscr = 0x600d
	b.world.Run(90*Millisecond + slack)
	b.talk(90 * Millisecond)
	b.world.Run(2 * Second)
	all := periodic(b.since(from))
	changed := false
	for i, h := range all {
		if h.YourDiscr == 0x600d {
			changed = true
		} else if changed {
			t.Errorf("packet %d is to %#x again", i, h.YourDiscr)
		}
		if i > 0 && h.at-all[i-1].at > 100*Millisecond+slack {
			t.Errorf("gap of %d ns", h.at-all[i-1].at)
		}
	}
	if st := b.status(); !changed || st.State != packet.Up || st.Counters.Down != 0 {
		t.Errorf("changed %v, %v", changed, st.State)
	}
	rows.Covers(t, "5880-6.8.6-17", "5880-6.3-04", "5880-6.8.7-12")
}

// A peer with coarse timers answers by larger values of its own and then polls
// them: D follows (RFC 7419, Appendix B).
func TestCoarsePeer(t *testing.T) {
	b := newBed(t, ms(200, 200, 3))
	b.say.DesiredMinTx, b.say.RequiredMinRx = 200_000, 200_000
	b.up()
	b.answer = false
	b.configure(ms(300, 300, 3))
	b.world.Run(slack)
	b.say.DesiredMinTx, b.say.RequiredMinRx = 1_000_000, 1_000_000
	b.once(func(c *packet.Control) { c.Final = true }) // new values on the Final itself
	b.once(func(c *packet.Control) { c.Poll = true })
	if sent := finals(b.during(slack)); len(sent) != 1 {
		t.Errorf("%d Finals", len(sent))
	}
	b.talk(900 * Millisecond)
	b.world.Run(2 * Second)
	b.gaps("1 s both ways", periodic(b.during(20*Second)), 19, 750, 1000)
	if st := b.status(); st.State != packet.Up || st.Counters.Down != 0 || st.DetectionTime != int64(3*Second) {
		t.Errorf("%v, %d Downs, detects in %d ns", st.State, st.Counters.Down, st.DetectionTime)
	}
	rows.Covers(t, "7419-B-01", "5880-6.8.3-13")
}
