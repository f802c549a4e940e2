package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// demanding is a profile that asks the peer for silence and polls each so many
// milliseconds, 0 for not at all.
func demanding(p session.Params, poll float64) session.Params {
	p.Demand, p.DemandPoll = true, uint32(poll*1000)
	return p
}

// D says D only while both ends are Up, tells of it by a Poll on the packets that
// it sends anyway, and takes it back when the session leaves Up.
func TestDemandBit(t *testing.T) {
	t.Parallel()
	on(t, with(demanding(ms(50, 50, 20), 0)), func(b *bed) { // a multiplier for a Poll that waits
		b.bring(packet.Init)
		from := now()
		b.once(func(c *packet.Control) { c.State = packet.Init })
		b.says("T lags behind", from, func(h hearing) bool { return h.State == packet.Up })
		b.tell(func(c *packet.Control) { c.State = packet.Init })
		b.replies(true)
		b.talk(45 * time.Millisecond)
		time.Sleep(300 * time.Millisecond)
		b.settle()
		b.replies(false)
		for _, h := range b.all() {
			if h.Demand {
				b.Fatalf("D in %v while T is not Up", h.State)
			}
		}
		from = now()
		b.tell(func(c *packet.Control) { c.State = packet.Up })
		first, ok := b.await(from, time.Second, func(h hearing) bool { return h.Demand })
		if !ok {
			b.Fatalf("never says D")
		}
		b.during(500 * time.Millisecond)
		all := b.since(first.at)
		for _, h := range all {
			if !h.Demand || !h.Poll {
				b.Fatalf("T is Up and has not answered: D %v, P %v", h.Demand, h.Poll)
			}
		}
		b.gaps("P rides on the regular packets", all, 8, 37.5, 50)
		b.once(func(c *packet.Control) { c.Final = true })
		b.talk(0)
		b.settle()
		all = b.during(400 * time.Millisecond)
		b.gaps("T is not in demand mode", all, 6, 37.5, 50)
		b.polled("answered", all, false)

		from = now()
		b.once(func(c *packet.Control) { c.State = packet.Down })
		h := b.says("T leaves Up", from, func(h hearing) bool { return h.State != packet.Up })
		if h.Demand {
			b.Errorf("D in Down")
		}
		b.tell(func(c *packet.Control) { c.State, c.DesiredMinTx = packet.AdminDown, 1_000_000 })
		b.talk(900 * time.Millisecond)
		all = b.during(2500 * time.Millisecond)
		b.gaps("not Up any more", all, 1, 750, 1000)
		for _, h := range all {
			if h.Demand {
				b.Fatalf("D in %v", h.State)
			}
		}
	})
	rows.Covers(t, "5880-6.8.7-08", "5880-6.6-02", "5880-6.6-04", "5880-6.6-08", "5880-6.6-10")
}

// In D's demand mode silence is no failure, and a Poll that is not answered is:
// it repeats P at the transmit interval for D's own Detection Time.
func TestDemandCheck(t *testing.T) {
	t.Parallel()
	on(t, with(demanding(ms(100, 20, 3), 300)), func(b *bed) {
		b.tell(func(c *packet.Control) { c.RequiredMinRx, c.DesiredMinTx, c.DetectMult = 50_000, 20_000, 3 })
		b.up()
		b.talk(0) // as asked; it answers
		all := b.during(2 * time.Second)
		b.keeps("T only answers", all, packet.Up, packet.DiagNone)
		polls := 0
		for i, h := range all {
			if h.Poll && (i == 0 || !all[i-1].Poll) {
				polls++
			}
		}
		if polls < 2 {
			b.Errorf("%d Polls in 2 s, one each 300 ms", polls)
		}
		b.replies(false)
		b.settle()
		from := now()
		if _, ok := b.await(from, time.Second, func(h hearing) bool { return !h.Poll }); !ok {
			b.tooLate("never between two Polls")
		}
		first, ok := b.await(from, 3*time.Second, func(h hearing) bool { return h.Poll })
		if !ok {
			b.tooLate("no Poll")
		}
		down := b.downSince("not answered", first.at, 300)
		var repeated []hearing
		for _, h := range b.since(first.at) {
			if h.at < down.at {
				repeated = append(repeated, h)
			}
		}
		b.polled("not answered", repeated, true)
		b.gaps("not answered", repeated, 1, 75, 100)
	})
	rows.Covers(t, "5880-6.8.4-06", "5880-6.8.4-07", "5880-6.8.4-08", "5880-6.6-07")
}

// Both ends in demand mode: no packets at all, and yet a peer that starts anew is
// noticed by its first one. A check can be asked for at any time.
func TestDemandAtBothEnds(t *testing.T) {
	t.Parallel()
	on(t, with(demanding(p50, 0)), func(b *bed) {
		b.up()
		b.tell(func(c *packet.Control) { c.Demand = true })
		b.answered("T enters demand mode", nil)
		b.talk(0)
		time.Sleep(100 * time.Millisecond)
		b.silent("both in demand mode", 1500*time.Millisecond)
		b.stands("both in demand mode", packet.Up, packet.DiagNone)

		from := now()
		b.d.must(b.d.Engine().Poll(b.discr))
		if _, ok := b.await(from, 50*time.Millisecond+slack, func(h hearing) bool { return h.Poll && h.Demand }); !ok {
			b.tooLate("no Poll on command")
		}
		time.Sleep(150 * time.Millisecond)
		b.silent("answered", 300*time.Millisecond)

		from = now()
		b.mu.Lock()
		c := b.control()
		c.State, c.YourDiscr, c.MyDiscr, c.Demand = packet.Down, 0, 0x4e4e, false
		b.valid(c)
		b.mu.Unlock()
		if h := b.says("restarted peer", from, func(h hearing) bool { return h.State != packet.Up }); h.State != packet.Down || h.Diag != packet.DiagNeighborDown || h.Demand {
			b.Errorf("restarted peer: %+v", h.Control)
		}
	})
	rows.Covers(t, "5880-6.6-11", "5880-6.6-03", "5880-6.8.6-11")
}
