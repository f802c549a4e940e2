package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// roomy is Up at 50 ms with room up to 400, the tester talking.
func roomy(t *testing.T, kind session.Kind) *rig {
	t.Helper()
	p := params(50*ms, 3)
	p.Ceiling, p.Kind = 400_000, kind
	r := newRig(t, p)
	r.up(50 * ms)
	return r
}

// lose has the tester miss a packet so often, at the rate it may have by now.
func (r *rig) lose(times int) {
	for range times {
		r.silence()
		r.wait(int64(r.body().RequiredMinRx) * us * 8 / 5)
		r.say(packet.Up)
		r.talk(50 * ms)
		r.wait(200 * ms)
	}
}

// wantSlowed wants the intervals doubled so often, told to the peer and, for
// what it may not know otherwise, agreed on by Poll.
func (r *rig) wantSlowed(what string, times uint8, us uint32) {
	r.t.Helper()
	c := r.body()
	if r.s.Slowed() != times || c.DesiredMinTx != us || c.RequiredMinRx != us {
		r.t.Errorf("%s: slowed %d times to %d and %d µs, want %d times to %d", what, r.s.Slowed(), c.DesiredMinTx, c.RequiredMinRx, times, us)
	}
}

// TestCongestionSlows: packets that are missing double the intervals by Poll, up
// to the ceiling; when all is calm they come back by halves. Nothing flaps.
func TestCongestionSlows(t *testing.T) {
	for _, kind := range []session.Kind{session.SingleHop, session.Multihop} {
		r := roomy(t, kind)
		r.lose(3)
		r.wantSlowed("3 lost", 1, 100_000)
		if p := r.periodic(); !p[len(p)-1].Poll && r.s.TxInterval() != 100_000 {
			t.Error("no Poll")
		}
		polled := false
		for _, f := range r.sent {
			polled = polled || f.Poll && f.DesiredMinTx == 100_000
		}
		if !polled {
			t.Error("the slower rate was not polled")
		}
		r.lose(18)
		r.wantSlowed("many lost", 3, 400_000)
		r.wantState("lost", packet.Up)
		r.clear()
		r.wait(200 * sec)
		r.wantSlowed("calm", 0, 50_000)
		r.wantState("calm", packet.Up)
		r.wait(sec)
		if r.s.Polling() || r.s.TxInterval() != 50_000 || r.s.DetectionTime() != 150*ms {
			t.Errorf("calm: polling %v, interval %d, detection %s", r.s.Polling(), r.s.TxInterval(), span(r.s.DetectionTime()))
		}
	}
	rows.Covers(t, "5880-7-01", "5880-7-02", "5883-8-01")
}

// TestLateSendsSlow: this processor may be what is congested.
func TestLateSendsSlow(t *testing.T) {
	r := roomy(t, session.SingleHop)
	for range 3 {
		r.now = r.s.Deadline() + session.Time(30*ms)
		r.hear(r.tester)
		r.note(r.s.Expire(r.now, true, r.rng))
	}
	r.wantSlowed("3 sent late", 1, 100_000)
	r.wantState("late", packet.Up)
	rows.Covers(t, "5880-7-02")
}

// TestNoCongestion: what is none slows nothing.
func TestNoCongestion(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig)
	}{
		{"no room given", func(r *rig) { p := r.s.Params(); p.Ceiling = 0; r.configure(p); r.lose(3) }},
		{"two lost", func(r *rig) { r.lose(2) }},
		{"one lost now and then", func(r *rig) {
			for range 10 {
				r.lose(1)
				r.wait(16 * 150 * ms)
			}
		}},
		{"the peer speeds up", func(r *rig) {
			for range 4 {
				r.tester.DesiredMinTx = 400_000
				r.say(packet.Up)
				r.talk(350 * ms)
				r.wait(sec)
				r.tester.DesiredMinTx = 50_000
				r.talk(50 * ms)
				r.wait(sec)
			}
		}},
		{"not Up", func(r *rig) {
			r.say(packet.Down)
			r.tester.State = packet.Up
			r.talk(900 * ms)
			r.wait(10 * sec)
		}},
		{"a flap forgets it", func(r *rig) { r.lose(3); r.say(packet.Down) }},
		{"the peer asked for silence", func(r *rig) {
			r.tester.Demand = true
			r.sayPoll()
			for range 10 {
				r.wait(300 * ms)
				r.s.Verify()
			}
		}},
		{"we asked for silence", func(r *rig) {
			p := r.s.Params()
			p.Demand, p.DemandPoll = true, 1_000_000
			r.configure(p)
			r.quiet()
			r.wait(30 * sec)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := roomy(t, session.SingleHop)
			c.do(r)
			if r.s.Slowed() != 0 {
				t.Errorf("slowed %d times", r.s.Slowed())
			}
		})
	}
	rows.Covers(t, "5880-7-02")
}

// TestSlowedAboveTheCeiling: intervals beyond it stay as they are, and those
// below never pass it.
func TestSlowedAboveTheCeiling(t *testing.T) {
	r := roomy(t, session.SingleHop)
	p := r.s.Params()
	p.DesiredMinTx, p.Ceiling = 500_000, 90_000
	r.configure(p)
	r.wait(sec)
	r.lose(12)
	if c := r.body(); c.DesiredMinTx != 500_000 || c.RequiredMinRx != 90_000 || r.s.Slowed() != 1 {
		t.Errorf("packets say %d and %d µs, slowed %d times", c.DesiredMinTx, c.RequiredMinRx, r.s.Slowed())
	}
	rows.Covers(t, "5880-7-01")
}
