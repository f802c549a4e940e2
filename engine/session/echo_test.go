package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// echoRigUp is Up at an interval with an Echo of its own wanted each 20 ms, and a
// peer that offers to loop it each 50.
func echoRigUp(t testing.TB, interval int64) *rig {
	t.Helper()
	p := params(interval, 3)
	p.EchoTx = 20_000
	r := newRig(t, p)
	r.tester.RequiredMinEchoRx = 50_000
	r.up(interval)
	return r
}

func (r *rig) echoing(on bool) { r.note(r.s.SetEchoing(r.now, on, r.rng)) }

// TestEchoInterval: only while Up, only while the peer's last packet allows it,
// never faster than it allows.
func TestEchoInterval(t *testing.T) {
	want := func(r *rig, what string, us uint32) {
		t.Helper()
		if got := r.s.EchoInterval(); got != us {
			t.Errorf("%s: %d µs between Echo packets, want %d", what, got, us)
		}
	}
	for _, st := range []packet.State{packet.AdminDown, packet.Down, packet.Init, packet.Up} {
		r := inState(t, st, false)
		p := r.s.Params()
		p.EchoTx = 20_000
		r.configure(p)
		r.tester.RequiredMinEchoRx = 50_000
		r.tester.State = [...]packet.State{packet.Up, packet.Up, packet.Down, packet.Up}[st]
		r.hear(r.tester)
		r.wantState("heard", st)
		want(r, st.String(), map[packet.State]uint32{packet.Up: 50_000}[st])
	}
	r := echoRigUp(t, 50*ms)
	for _, us := range []uint32{0, 100_000, 50_000, 20_000, 10_000, 1, 1<<32 - 1, 0} {
		r.tester.RequiredMinEchoRx = us
		r.hear(r.tester)
		switch us {
		case 0:
			want(r, "the peer loops none", 0)
		default:
			want(r, "the peer allows", max(us, 20_000))
		}
	}
	r.tester.RequiredMinEchoRx = 50_000
	r.hear(r.tester)
	for _, c := range []struct {
		name string
		do   func(r *rig)
	}{
		{"peer says Down", func(r *rig) { r.say(packet.Down) }},
		{"peer says AdminDown", func(r *rig) { r.say(packet.AdminDown) }},
		{"disabled", func(r *rig) { r.admin(true, packet.DiagAdminDown) }},
		{"silence", func(r *rig) { r.wantDown("silence", 150*ms) }},
		{"forwarding reset", func(r *rig) { r.note(r.s.ForwardingReset(r.now, r.rng)) }},
		{"echo off", func(r *rig) { p := r.s.Params(); p.EchoTx = 0; r.configure(p) }},
	} {
		r := r.clone(t)
		want(r, "before", 50_000)
		c.do(r)
		want(r, c.name, 0)
	}
	for _, kind := range []session.Kind{session.Multihop, session.Unaffiliated} {
		p := params(50*ms, 3)
		p.Kind, p.EchoTx = kind, 20_000
		r := newRig(t, p)
		r.tester.RequiredMinEchoRx = 50_000
		r.say(packet.Down)
		r.say(packet.Up)
		if r.s.State() != packet.Up || r.s.EchoInterval() != 0 {
			t.Errorf("kind %d: %v, an Echo interval of %d µs", kind, r.s.State(), r.s.EchoInterval())
		}
	}
	rows.Covers(t, "5880-6.8.9-01", "5880-6.8.9-02", "5880-6.8.9-03", "5880-6.8.9-05", "5880-6.8.6-21", "5880-6.1-07", "5883-3-01")
}

// TestEchoSlowsControl: while Echo guards the path a packet a second is enough,
// asked for by Poll; when it no longer does, the faster rate is back, and counts
// when the peer has answered.
func TestEchoSlowsControl(t *testing.T) {
	for _, c := range []struct {
		name string
		stop func(r *rig)
	}{
		{"lost", func(r *rig) { r.echoing(false) }},
		{"turned off", func(r *rig) { p := r.s.Params(); p.EchoTx = 0; r.configure(p) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := echoRigUp(t, 50*ms)
			r.answer = false
			if r.body().RequiredMinRx != 50_000 {
				t.Errorf("before: %d µs", r.body().RequiredMinRx)
			}
			r.echoing(true)
			if f := r.last(); !f.Poll || f.RequiredMinRx != 1_000_000 || f.DesiredMinTx != 50_000 || f.at != r.now {
				t.Errorf("first packet: %+v", f)
			}
			r.wantDT("at once", 3*sec)
			r.echoing(true)
			if len(r.sent) != 1 {
				t.Error("said twice what has not changed")
			}
			r.sayFinal()
			r.say(packet.Up)
			r.talk(900 * ms)
			r.wait(10 * sec)
			r.wantState("the peer is slow", packet.Up)
			r.clear()

			c.stop(r)
			if f := r.last(); !f.Poll || f.RequiredMinRx != 50_000 {
				t.Errorf("afterwards: %+v", f)
			}
			r.wantDT("before the Final", 3*sec)
			r.wait(5 * sec)
			r.wantState("before the Final", packet.Up)
			r.sayFinal()
			r.wantDT("after the Final", 150*ms)
		})
	}
	rows.Covers(t, "5880-6.4-03", "5880-6.8.3-11", "5880-6.8.3-02", "5880-6.8.13-01")
}

// TestEchoDoesNotSpeedUp: who asks for less than a packet a second goes on doing
// so, and who has no Echo asks for what it can take.
func TestEchoDoesNotSpeedUp(t *testing.T) {
	r := echoRigUp(t, 2*sec)
	r.echoing(true)
	if len(r.sent) != 0 || r.s.Polling() || r.body().RequiredMinRx != 2_000_000 {
		t.Errorf("sent %+v, asks for %d µs", r.sent, r.body().RequiredMinRx)
	}
	for _, interval := range []int64{3300 * us, 10 * ms, 50 * ms, 2 * sec} {
		p := params(interval, 3)
		p.EchoRx = 33_000
		r := newRig(t, p)
		r.up(interval)
		r.note(r.s.OfferEcho(r.now, p.EchoRx, r.rng))
		if c := r.body(); c.RequiredMinRx != micros(interval) || c.RequiredMinEchoRx != 33_000 {
			t.Errorf("%s: packets say %d and %d µs", span(interval), c.RequiredMinRx, c.RequiredMinEchoRx)
		}
	}
	rows.Covers(t, "5880-6.4-02")
}

// TestEchoFails: Down with diagnostic 2, the peer still known, at the slow rate
// and without Echo.
func TestEchoFails(t *testing.T) {
	r := echoRigUp(t, 50*ms)
	r.echoing(true)
	r.wait(sec)
	r.clear()
	r.note(r.s.EchoFailed(r.now, r.rng))
	if diff := cmp.Diff([]move{{packet.Down, packet.DiagEchoFailed, r.now}}, r.moves); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f := r.last()
	if f.State != packet.Down || f.Diag != packet.DiagEchoFailed || f.YourDiscr != testerDiscr || f.DesiredMinTx != 1_000_000 || f.RequiredMinRx != 50_000 {
		t.Errorf("packets say %+v", f.Control)
	}
	if r.s.EchoInterval() != 0 {
		t.Error("Echo goes on")
	}
	r.talk(40 * ms) // it is still Up, and says so
	r.wait(5 * sec)
	if r.s.State() != packet.Down || r.s.Remote().Discr != testerDiscr {
		t.Errorf("%v, peer %#x", r.s.State(), r.s.Remote().Discr)
	}
	for _, st := range []packet.State{packet.AdminDown, packet.Down, packet.Init} {
		r := inState(t, st, false)
		r.note(r.s.EchoFailed(r.now, r.rng))
		r.echoing(true)
		r.wantState("no Echo to fail", st)
		if len(r.sent) != 0 || r.body().RequiredMinRx != 50_000 {
			t.Errorf("%v: sent %+v", st, r.sent)
		}
	}
	rows.Covers(t, "5880-6.8.5-01", "5880-6.8.5-02", "5880-6.1-07", "5880-6.8.1-03")
}

// TestControlGuardsBesidesEcho: with Echo coming back, silence is still a failure
// after the longer time.
func TestControlGuardsBesidesEcho(t *testing.T) {
	r := echoRigUp(t, 50*ms)
	r.echoing(true)
	r.tester.DesiredMinTx = 300_000
	r.talk(900 * ms)
	r.wait(20 * sec)
	r.wantState("slow", packet.Up)
	r.wantDown("slow", 3*sec)
	rows.Covers(t, "5880-6.8.5-03")
}

// TestOffer: looping may begin and end at any time; the peer hears of it at once
// and nothing else changes.
func TestOffer(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	for i := range 100 {
		us := uint32(i%2) * 30_000
		r.clear()
		r.note(r.s.OfferEcho(r.now, us, r.rng))
		if i > 0 && (len(r.sent) != 1 || r.last().RequiredMinEchoRx != us || r.last().Poll) {
			t.Fatalf("offer %d: sent %+v", us, r.sent)
		}
		if r.s.Offered() != us {
			t.Fatalf("offers %d, want %d", r.s.Offered(), us)
		}
		r.wait(150 * ms)
		r.wantState("toggled", packet.Up)
	}
	rows.Covers(t, "5880-6.8.13-02", "5880-6.4-01", "5880-6.8.7-15")
}
