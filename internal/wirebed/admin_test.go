package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Disabled: AdminDown at once, and for as long as it lasts.
func TestDisable(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		p := p50
		p.AdminDown = true
		from := now()
		b.configure(p)
		h := b.says("disabled", from, func(h hearing) bool { return h.State != packet.Up })
		if h.State != packet.AdminDown || h.Diag != packet.DiagAdminDown || h.YourDiscr != testerDiscr {
			b.Errorf("at once: %+v", h.Control)
		}
		// It notes what T says, and does nothing of it.
		b.tell(func(c *packet.Control) { c.State, c.MyDiscr = packet.Down, testerDiscr+9 })
		var all []hearing
		for _, state := range []packet.State{packet.Down, packet.Init, packet.Up} {
			b.tell(func(c *packet.Control) { c.State = state })
			b.once(func(c *packet.Control) { c.Poll = true })
			all = append(all, b.during(1300*time.Millisecond)...)
		}
		b.gaps("while disabled", periodic(all), 2, 750, 1000)
		b.keeps("while disabled", all, packet.AdminDown, packet.DiagAdminDown)
		if n := len(finals(all)); n != 0 {
			b.Errorf("%d Finals: RFC 5880 §6.8.6 discards before it answers", n)
		}
		if len(all) == 0 || all[len(all)-1].YourDiscr != testerDiscr+9 {
			b.Errorf("does not follow T's discriminator")
		}
		if b.status().Discards[packet.DropLocalAdminDown] == 0 {
			b.Errorf("what was discarded is not counted")
		}

		// Enabled: Down, never more, and the diagnostic stays.
		b.talk(0)
		from = now()
		b.configure(p50)
		h = b.says("enabled", from, func(h hearing) bool { return h.State != packet.AdminDown })
		if h.State != packet.Down || h.Diag != packet.DiagAdminDown {
			b.Errorf("enabled: %+v", h.Control)
		}
		b.up()
	})
	rows.Covers(t, "5880-6.8.16-01", "5880-6.8.16-02", "5880-6.8.16-03", "5880-6.8.16-04", "5880-6.8.6-25", "5880-FSM-16", "5880-FSM-17")
}

// What T's interval is while D is AdminDown still counts for D's rate.
func TestDisabledFollowsThePeersRate(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.bring(packet.AdminDown)
		b.tell(func(c *packet.Control) { c.RequiredMinRx, c.DetectMult = 1_500_000, 100 })
		b.talk(100 * time.Millisecond)
		b.during(1100 * time.Millisecond)
		b.gaps("T takes a packet each 1.5 s", b.during(3600*time.Millisecond), 1, 1125, 1500)
	})
	rows.Covers(t, "5880-6.8.6-25", "5880-6.8.18-03")
}

// Deleted: AdminDown for a Detection Time of T's at least, then silence; T never
// sees a timeout.
func TestDelete(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		const hold = 2500 * time.Millisecond
		from := now()
		b.d.must(b.d.Remove(b.discr, int64(hold)))
		if h := b.says("at once", from, func(h hearing) bool { return h.State != packet.Up }); h.State != packet.AdminDown {
			b.Errorf("says %v", h.State)
		}
		b.tell(func(c *packet.Control) { c.State = packet.Down })
		sleepUntil(from + hold + 200*time.Millisecond)
		all := periodic(b.since(from))
		var gone []hearing
		for _, h := range all {
			if h.State == packet.AdminDown {
				gone = append(gone, h)
			}
		}
		if len(gone) < 3 || gone[len(gone)-1].at < from+hold-time.Second {
			b.Errorf("%d packets say AdminDown in %v", len(gone), hold)
		}
		b.silent("gone", 1200*time.Millisecond)
		told := b.d.told()
		if n := len(told); n == 0 || !told[n-1].Gone {
			b.Errorf("events of its going: %+v", told)
		}
	})
	rows.Covers(t, "5880-6.8.16-06", "5880-6.8.16-03", "5882-8-01")
}

// The peer's demand is honoured while both ends are Up, and only then.
func TestPeerInDemandMode(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		b.tell(func(c *packet.Control) { c.Demand = true })
		b.answered("T enters demand mode", nil)
		b.silent("while the peer is in demand mode", 1500*time.Millisecond)
		if r := b.status().Remote; !r.Demand {
			b.Errorf("remote %+v", r)
		}

		// A change takes a Poll, on packets at the agreed interval, until a Final.
		b.replies(false)
		b.configure(ms(50, 50, 7))
		polling := b.during(500 * time.Millisecond)
		b.polled("content changed", polling, true)
		b.gaps("content changed", polling, 9, 37.5, 50)
		b.once(func(c *packet.Control) { c.Final = true })
		b.settle()
		b.silent("after the Final", 700*time.Millisecond)

		// It leaves demand mode: packets within one interval.
		b.replies(true)
		b.tell(func(c *packet.Control) { c.Demand = false })
		from := now()
		b.once(nil)
		if _, ok := b.await(from, 50*time.Millisecond+slack, func(hearing) bool { return true }); !ok {
			b.tooLate("nothing after demand mode")
		}
		b.gaps("demand mode left", periodic(b.during(700*time.Millisecond)), 13, 37.5, 50)

		// D still detects its silence.
		b.tell(func(c *packet.Control) { c.Demand = true })
		time.Sleep(200 * time.Millisecond)
		b.hush()
		b.downAfter("silent in demand mode", 150)
	})
	rows.Covers(t, "5880-6.6-01", "5880-6.6-03", "5880-6.6-05", "5880-6.6-06", "5880-6.5-04", "5880-6.8.6-19", "5880-6.8.6-26",
		"5880-6.8.7-24", "5880-6.8.14-01")
}

// Toggled, it changes no state.
func TestDemandToggled(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		for range 100 {
			b.once(func(c *packet.Control) { c.Demand = true })
			time.Sleep(5 * time.Millisecond)
			b.once(nil)
			time.Sleep(5 * time.Millisecond)
		}
		if st := b.status(); st.State != packet.Up || st.Counters.Down != 0 {
			b.Errorf("%v after toggling", st.State)
		}
	})
	rows.Covers(t, "5880-6.6-09")
}

// Not Up on both sides: the D bit means nothing.
func TestDemandBeforeUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		own, said packet.State
		span      time.Duration
		atLeast   int
		lo, hi    float64
	}{
		{packet.Init, packet.Down, 3200 * time.Millisecond, 2, 750, 1000},
		{packet.Up, packet.Init, time.Second, 18, 37.5, 50},
	} {
		t.Run(tt.own.String(), func(t *testing.T) {
			t.Parallel()
			on(t, with(p50), func(b *bed) {
				b.bring(tt.own)
				b.replies(true)
				b.tell(func(c *packet.Control) { c.State, c.Demand = tt.said, true })
				b.talk(45 * time.Millisecond)
				time.Sleep(200 * time.Millisecond)
				all := periodic(b.during(tt.span))
				b.gaps("with D", all, tt.atLeast, tt.lo, tt.hi)
				b.keeps("with D", all, tt.own, packet.DiagNone)
			})
			rows.Covers(t, "5880-6.8.6-27")
		})
	}
}
