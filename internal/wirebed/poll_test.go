package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A Poll is P on the scheduled packets until a Final comes, however long that
// takes, and no packet more.
func TestPollRidesOnTheSchedule(t *testing.T) {
	t.Parallel()
	on(t, with(p100), func(b *bed) {
		b.up()
		b.replies(false)
		b.configure(ms(100, 150, 3))
		all := b.during(3 * time.Second)
		b.polled("no Final yet", all[1:], true)
		b.gaps("while it polls", all[1:], 28, 75, 100)
		if n := len(all); n > 3000/75+2 {
			b.Errorf("%d packets in 3 s at 100 ms", n)
		}
		b.stands("without a Final", packet.Up, 0)
		b.once(func(c *packet.Control) { c.Final = true })
		b.settle()
		b.polled("after the Final", b.during(500*time.Millisecond), false)

		// A Final that nobody asked for changes nothing.
		before := b.status()
		b.once(func(c *packet.Control) { c.Final = true })
		b.polled("unsolicited Final", b.during(500*time.Millisecond), false)
		if st := b.status(); st.State != before.State || st.TxInterval != before.TxInterval || st.DetectionTime != before.DetectionTime {
			b.Errorf("an unsolicited Final changed %+v", st)
		}
	})
	rows.Covers(t, "5880-6.5-01", "5880-6.5-02", "5880-6.5-03", "5880-6.5-05", "5880-6.8.3-02", "5880-6.8.7-03", "5880-6.8.6-22")
}

// While D polls it answers T's Poll by a Final without P, and goes on polling.
func TestFinalWhilePolling(t *testing.T) {
	t.Parallel()
	on(t, with(p100), func(b *bed) {
		b.up()
		b.replies(false)
		b.configure(ms(100, 150, 3))
		time.Sleep(200 * time.Millisecond)
		b.answered("P", nil)
		b.polled("own Poll", b.during(400*time.Millisecond), true)

		// P and F together: the F ends D's Poll, the P is answered.
		b.answered("P and F together", func(c *packet.Control) { c.Final = true })
		b.settle()
		b.polled("after P and F together", b.during(400*time.Millisecond), false)
		if n := len(finals(b.all())); n != 2 {
			b.Errorf("%d Finals for 2 Polls", n)
		}
	})
	rows.Covers(t, "5880-6.8.7-05", "5880-6.8.6-31")
}

// Coming Up and going Down change the timers, so both are polled.
func TestStateChangesArePolled(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.bring(packet.Init)
		from := now()
		b.once(func(c *packet.Control) { c.State = packet.Up })
		h := b.says("Up", from, func(h hearing) bool { return h.State == packet.Up })
		if h.DesiredMinTx != 50_000 || !h.Poll {
			b.Errorf("first Up packet %+v", h.Control)
		}
		b.tell(func(c *packet.Control) { c.State = packet.Up })
		b.talk(45 * time.Millisecond)
		up := b.during(time.Second)
		b.polled("Up, no Final yet", up, true)
		b.gaps("fast at once, it is a reduction", up, 18, 37.5, 50)
		b.replies(true)
		time.Sleep(150 * time.Millisecond)
		b.polled("Up, answered", b.during(300*time.Millisecond), false)

		b.replies(false)
		b.tell(func(c *packet.Control) { c.State, c.DesiredMinTx = packet.Down, 500_000 })
		from = now()
		b.talk(450 * time.Millisecond)
		time.Sleep(2500 * time.Millisecond)
		down := b.since(from)
		for len(down) > 0 && down[0].State == packet.Up {
			down = down[1:]
		}
		b.polled("no longer Up", down, true)
		b.replies(true)
		time.Sleep(1100 * time.Millisecond)
		b.polled("no longer Up, answered", b.during(1100*time.Millisecond), false)
	})
	rows.Covers(t, "5880-6.8.3-01", "5880-6.8.3-05", "5880-6.8.3-06")
}

// A change of the multiplier needs no Poll, on either side.
func TestMultiplier(t *testing.T) {
	t.Parallel()
	on(t, with(p100), func(b *bed) {
		b.up()
		from := now()
		b.configure(ms(100, 100, 10))
		b.says("own multiplier", from, func(h hearing) bool { return h.DetectMult == 10 })
		b.polled("own multiplier", b.during(400*time.Millisecond), false)
		b.hush()
		b.once(func(c *packet.Control) { c.DetectMult = 10 })
		b.downAfter("P8, peer's multiplier 3 to 10", 1000)
	})
	rows.Covers(t, "5880-6.8.12-01", "5880-6.8.6-24")
}
