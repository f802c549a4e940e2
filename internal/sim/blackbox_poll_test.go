package sim

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// polled checks that all packets but Finals have P as wanted.
func (b *bed) polled(what string, all []hearing, want bool) {
	b.Helper()
	for _, h := range periodic(all) {
		if h.Poll != want {
			b.Errorf("%s: P is %v, want %v", what, h.Poll, want)
			return
		}
	}
}

// A Poll is P on the scheduled packets until a Final comes, however long that
// takes, and no packet more.
func TestPollRidesOnTheSchedule(t *testing.T) {
	b := newBed(t, ms(100, 100, 3))
	b.up()
	b.answer = false
	b.configure(ms(100, 150, 3))
	all := b.during(3 * Second)
	b.polled("no Final yet", all, true)
	b.gaps("while it polls", all[1:], 29, 75, 100)
	if n := len(all); n > 3000/75+1 {
		t.Errorf("%d packets in 3 s at 100 ms", n)
	}
	b.world.Run(27 * Second) // a Poll has no timeout
	b.stands("after 30 s without a Final", packet.Up, 0)
	b.polled("still", b.during(Second), true)
	b.once(func(c *packet.Control) { c.Final = true })
	b.world.Run(slack)
	b.polled("after the Final", b.during(3*Second), false)
	rows.Covers(t, "5880-6.5-01", "5880-6.5-02", "5880-6.5-03", "5880-6.5-05", "5880-6.8.3-02", "5880-6.8.7-03")

	// A Final that nobody asked for changes nothing.
	before := b.status()
	b.once(func(c *packet.Control) { c.Final = true })
	b.polled("unsolicited Final", b.during(Second), false)
	if st := b.status(); st.State != before.State || st.TxInterval != before.TxInterval || st.DetectionTime != before.DetectionTime {
		t.Errorf("an unsolicited Final changed %+v", st)
	}
	rows.Covers(t, "5880-6.8.6-22")
}

// While D polls it answers T's Poll by a Final without P, and goes on polling.
func TestFinalWhilePolling(t *testing.T) {
	b := newBed(t, ms(100, 100, 3))
	b.up()
	b.answer = false
	b.configure(ms(100, 150, 3))
	b.world.Run(Second)
	b.once(func(c *packet.Control) { c.Poll = true })
	all := b.during(Second)
	if f := finals(all); len(f) != 1 || f[0].Poll {
		t.Errorf("%d Finals", len(f))
	}
	b.polled("own Poll", all, true)

	// P and F together: the F ends D's Poll, the P is answered.
	b.once(func(c *packet.Control) { c.Poll, c.Final = true, true })
	all = b.during(Second)
	if f := finals(all); len(f) != 1 {
		t.Errorf("%d Finals for P and F together", len(f))
	}
	b.polled("after P and F together", all, false)
	rows.Covers(t, "5880-6.8.7-05", "5880-6.8.6-31")
}

// Coming Up and going Down change the timers, so both are polled.
func TestStateChangesArePolled(t *testing.T) {
	b := newBed(t, p50)
	b.world.Run(10 * Millisecond)
	b.answer = false
	b.once(func(c *packet.Control) {})
	b.world.Run(slack)
	b.once(func(c *packet.Control) { c.State = packet.Up })
	first := b.during(slack)
	if len(first) != 1 || first[0].State != packet.Up || first[0].DesiredMinTx != 50_000 || !first[0].Poll {
		t.Fatalf("first Up packet %+v", first)
	}
	b.say.State = packet.Up
	b.talk(45 * Millisecond)
	up := b.during(2 * Second)
	b.polled("Up, no Final yet", up, true)
	b.gaps("fast at once, it is a reduction", up, 38, 37.5, 50)
	b.answer = true
	b.world.Run(Second)
	b.polled("Up, answered", b.during(Second), false)

	b.answer = false
	b.say.State, b.say.DesiredMinTx = packet.Down, 1_000_000
	b.talk(Second)
	down := b.during(2500 * Millisecond) // Down, and then Init
	b.polled("no longer Up", down[1:], true)
	down = b.during(10 * Second)
	b.polled("no longer Up", down, true)
	b.gaps("slow", down, 9, 750, 1000)
	b.answer = true
	b.world.Run(3 * Second)
	b.polled("no longer Up, answered", b.during(5*Second), false)
	rows.Covers(t, "5880-6.8.3-01", "5880-6.8.3-05", "5880-6.8.3-06")
}

// A change of the multiplier needs no Poll, on either side.
func TestMultiplier(t *testing.T) {
	b := newBed(t, ms(100, 100, 3))
	b.up()
	b.configure(ms(100, 100, 10))
	all := b.during(Second)
	b.polled("own multiplier", all, false)
	if h := all[len(all)-1]; h.DetectMult != 10 {
		t.Errorf("multiplier %d", h.DetectMult)
	}
	b.talk(0)
	b.once(func(c *packet.Control) { c.DetectMult = 10 })
	b.downAfter("peer's multiplier 3 to 10", 1000)
	rows.Covers(t, "5880-6.8.12-01", "5880-6.8.6-24")
}

// What a change does before and after the Final.
func TestTimerChanges(t *testing.T) {
	tests := []struct {
		name           string
		from, to       session.Params
		lo, hi         float64 // gaps before the Final, ms
		after0, after1 float64 // and after
		detect         float64 // Detection Time before the Final, ms
		detectAfter    float64
		rows           []string
	}{
		{"P1 tx 100 to 400", ms(100, 100, 3), ms(400, 100, 3), 75, 100, 300, 400, 300, 300,
			[]string{"5880-6.8.3-03"}},
		{"P2 tx 400 to 100", ms(400, 100, 3), ms(100, 100, 3), 75, 100, 75, 100, 300, 300,
			[]string{"5880-6.8.3-06"}},
		{"P3 rx 100 to 400", ms(100, 100, 3), ms(100, 400, 3), 75, 100, 75, 100, 1200, 1200,
			[]string{"5880-6.8.3-07"}},
		{"P4 rx 400 to 100", ms(100, 400, 3), ms(100, 100, 3), 75, 100, 75, 100, 1200, 300,
			[]string{"5880-6.8.3-04"}},
		{"P10 both at once", ms(100, 100, 3), ms(400, 50, 3), 75, 100, 300, 400, 300, 300,
			[]string{"5880-6.8.3-03", "5880-6.8.3-04"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := func() *bed {
				b := newBed(t, tt.from)
				b.say.DesiredMinTx, b.say.RequiredMinRx = 100_000, 100_000
				b.up()
				b.talk(80 * Millisecond)
				b.answer = false
				b.configure(tt.to)
				b.world.Run(20 * Millisecond)
				return b
			}
			b := start()
			all := periodic(b.during(3 * Second))
			b.polled("before the Final", all, true)
			b.gaps("before the Final", all, int(3000/tt.hi)-1, tt.lo, tt.hi)
			if h := all[0]; h.DesiredMinTx != tt.to.DesiredMinTx || h.RequiredMinRx != tt.to.RequiredMinRx {
				t.Errorf("advertised %d and %d", h.DesiredMinTx, h.RequiredMinRx)
			}
			b.stands("T withheld the Final", packet.Up, 0)
			b.once(func(c *packet.Control) { c.Final = true })
			b.world.Run(session.Time(tt.hi * 1e6)) // the gap in progress
			all = periodic(b.during(3 * Second))
			b.polled("after the Final", all, false)
			b.gaps("after the Final", all, int(3000/tt.after1)-1, tt.after0, tt.after1)
			b.talk(0)
			b.once(func(*packet.Control) {})
			b.downAfter("after the Final", tt.detectAfter)

			b = start()
			b.talk(0)
			b.once(func(*packet.Control) {})
			b.downAfter("before the Final", tt.detect)
			rows.Covers(t, tt.rows...)
		})
	}
}

// P11, and a Final of an earlier Poll must not release a later change.
func TestSecondChangeWhilePolling(t *testing.T) {
	b := newBed(t, ms(100, 100, 3))
	b.up()
	b.answer = false
	b.configure(ms(400, 100, 3))
	b.world.Run(20 * Millisecond)
	b.configure(ms(100, 100, 3))
	b.gaps("P11 before the Final", periodic(b.during(2 * Second))[1:], 18, 75, 100)
	b.once(func(c *packet.Control) { c.Final = true })
	b.world.Run(slack)
	b.gaps("P11 after the Final", periodic(b.during(2*Second)), 18, 75, 100)
	b.answer = true
	b.world.Run(2 * Second)
	b.polled("P11 at last", b.during(Second), false)

	b = newBed(t, ms(100, 400, 3))
	b.say.DesiredMinTx, b.say.RequiredMinRx = 100_000, 100_000
	b.up()
	b.talk(0)
	b.answer = false
	b.configure(ms(100, 300, 3)) // the first change, polled
	b.world.Run(Millisecond)
	b.configure(ms(100, 100, 3)) // the second
	b.world.Run(Millisecond)
	b.once(func(c *packet.Control) { c.Final = true }) // answers the first
	b.world.Run(Millisecond)
	if dt := b.status().DetectionTime; dt != int64(1200*Millisecond) {
		t.Errorf("a Final of the first Poll left a Detection Time of %d ns", dt)
	}
	b.once(func(c *packet.Control) {}) // F clear: the second Poll may begin
	b.world.Run(200 * Millisecond)
	if h := b.heard[len(b.heard)-1]; !h.Poll {
		t.Error("no second Poll")
	}
	b.once(func(c *packet.Control) { c.Final = true })
	b.world.Run(Millisecond)
	if dt := b.status().DetectionTime; dt != int64(300*Millisecond) {
		t.Errorf("the Final of the second Poll left a Detection Time of %d ns", dt)
	}
	rows.Covers(t, "5880-6.8.3-12")
}

// A thousand changes on both ends with loss: nothing flaps.
func TestChangesNeverFlap(t *testing.T) {
	b := newBed(t, ms(100, 100, 10))
	b.say.DetectMult = 10
	b.up()
	rng := b.world.dice
	b.out.Loss, b.nic.out.Loss = 0.2, 0.2
	interval := func() uint32 { return 20_000 + rng.Uint32N(80_000) }
	for range 1000 {
		if rng.IntN(2) == 0 {
			b.configure(session.Params{DesiredMinTx: interval(), RequiredMinRx: interval(), DetectMult: 10})
		} else {
			b.say.DesiredMinTx, b.say.RequiredMinRx = interval(), interval()
			b.talk(session.Time(20+rng.IntN(20)) * Millisecond)
		}
		b.world.Run(session.Time(rng.IntN(100)) * Millisecond)
	}
	if c := b.status().Counters; c.Down != 0 || c.Failures != 0 {
		t.Errorf("went down %d times", c.Down)
	}
	rows.Covers(t, "5880-6.8.3-14")
}
