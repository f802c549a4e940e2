package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestForwardingReset: Down with diagnostic 4 from every state but AdminDown.
func TestForwardingReset(t *testing.T) {
	for _, c := range []struct {
		from, to packet.State
		diag     packet.Diag
		sent     bool
	}{
		{packet.AdminDown, packet.AdminDown, packet.DiagAdminDown, false},
		{packet.Down, packet.Down, packet.DiagForwardingReset, true},
		{packet.Init, packet.Down, packet.DiagForwardingReset, true},
		{packet.Up, packet.Down, packet.DiagForwardingReset, true},
	} {
		r := inState(t, c.from, true)
		r.note(r.s.ForwardingReset(r.now, r.rng))
		if r.s.State() != c.to || r.s.Diag() != c.diag || (len(r.moves) == 1) != (c.from != c.to) {
			t.Errorf("in %v: %v/%v after %+v, want %v/%v", c.from, r.s.State(), r.s.Diag(), r.moves, c.to, c.diag)
		}
		if (len(r.sent) == 1) != c.sent || c.sent && (r.last().Diag != c.diag || r.last().State != c.to) {
			t.Errorf("in %v: sent %+v", c.from, r.sent)
		}
		if c.from == packet.Up && r.last().YourDiscr != testerDiscr {
			t.Error("the peer is forgotten")
		}
	}
	rows.Covers(t, "5880-6.8.15-01", "5880-6.8.1-03")
}

// TestPathDown: a failed path and an operator each hold the session in AdminDown,
// and it leaves when both have let go.
func TestPathDown(t *testing.T) {
	const path, operator = packet.DiagPathDown, packet.DiagAdminDown
	type act struct {
		diag packet.Diag
		down bool
	}
	for _, c := range []struct {
		name string
		acts []act
		want packet.State
		diag packet.Diag
	}{
		{"path", []act{{path, true}}, packet.AdminDown, path},
		{"path, and back", []act{{path, true}, {path, false}}, packet.Down, path},
		{"path, then the operator enables", []act{{path, true}, {operator, false}}, packet.AdminDown, path},
		{"both, path back", []act{{path, true}, {operator, true}, {path, false}}, packet.AdminDown, path},
		{"both, operator enables", []act{{operator, true}, {path, true}, {operator, false}}, packet.AdminDown, operator},
		{"both and both back", []act{{operator, true}, {path, true}, {operator, false}, {path, false}}, packet.Down, operator},
		{"back only", []act{{path, false}}, packet.Up, packet.DiagControlExpiry},
	} {
		r := inState(t, packet.Up, true)
		for _, a := range c.acts {
			r.admin(a.down, a.diag)
		}
		if r.s.State() != c.want || r.s.Diag() != c.diag {
			t.Errorf("%s: %v/%v, want %v/%v", c.name, r.s.State(), r.s.Diag(), c.want, c.diag)
		}
		if len(c.acts) == 1 && c.want == packet.AdminDown {
			if f := r.last(); f.State != packet.AdminDown || f.Diag != path {
				t.Errorf("%s: sent %+v", c.name, f)
			}
			p := r.s.Params()
			p.DetectMult = 9 // what the operator configures does not mend the path
			r.configure(p)
			r.wait(10 * sec)
			if r.s.State() != packet.AdminDown {
				t.Errorf("%s: configured back to %v", c.name, r.s.State())
			}
		}
	}
	rows.Covers(t, "5880-6.8.16-05", "5880-6.8.16-02")
}

// TestConcatenated: the diagnostic alone tells of a failure further on. The state
// stays, a peer in demand mode is polled, and a failure of its own outranks it.
func TestConcatenated(t *testing.T) {
	for _, diag := range []packet.Diag{packet.DiagConcatPathDown, packet.DiagReverseConcat} {
		r := upRig(t, 50*ms, 3)
		say := func(d packet.Diag) { r.note(r.s.Concatenated(r.now, d, r.rng)) }
		say(diag)
		if f := r.last(); f.Diag != diag || f.State != packet.Up || f.Poll || f.at != r.now {
			t.Errorf("diagnostic %v: sent %+v", diag, f)
		}
		say(diag)
		if len(r.sent) != 1 {
			t.Error("said twice")
		}
		r.tester.Diag = diag // the peer's own path beyond it
		r.wait(sec)
		r.wantState("the peer says the same", packet.Up)
		if r.s.Remote().Diag != diag {
			t.Errorf("the peer's diagnostic is %v", r.s.Remote().Diag)
		}
		r.wantDown("still guarded", 150*ms)
		r.talk(40 * ms)
		r.tester.State, r.tester.YourDiscr = packet.Down, 0
		r.wait(100 * ms)
		r.say(packet.Up)
		r.talk(40 * ms)
		r.wait(sec)
		if r.s.State() != packet.Up || r.s.Diag() != packet.DiagControlExpiry {
			t.Errorf("Up again: %v/%v; a diagnostic must not come back", r.s.State(), r.s.Diag())
		}

		r = demanded(t)
		r.answer = false
		r.note(r.s.Concatenated(r.now, diag, r.rng))
		r.wait(sec)
		r.wantPolls("peer in demand mode", true)
		if len(r.sent) < 10 || r.last().Diag != diag {
			t.Errorf("peer in demand mode: %d packets, the last %+v", len(r.sent), r.last())
		}
		r.sayFinal()
		r.clear()
		r.wait(sec)
		if len(r.sent) != 0 {
			t.Errorf("peer in demand mode, after the Final: %d packets", len(r.sent))
		}
	}
	rows.Covers(t, "5880-6.8.17-01", "5880-6.8.17-02", "5880-6.8.17-03")
}

// TestHoldDown: held, a session does not advance whatever it hears, answers Polls
// and throttles its peer by the interval it asks for.
func TestHoldDown(t *testing.T) {
	for _, c := range []struct {
		name string
		rx   uint32
	}{{"as configured", 50_000}, {"throttled", 60_000_000}, {"silenced", 0}} {
		for _, from := range []packet.State{packet.Down, packet.Init, packet.Up} {
			r := inState(t, from, false)
			p := r.s.Params()
			p.HoldDown, p.RequiredMinRx = true, c.rx
			r.configure(p)
			if from != packet.Down {
				if diff := cmp.Diff([]move{{packet.Down, packet.DiagAdminDown, r.now}}, r.moves); diff != "" {
					t.Errorf("%s from %v (-want +got):\n%s", c.name, from, diff)
				}
			}
			r.wait(sec)
			r.clear()
			for _, st := range []packet.State{packet.Down, packet.Init, packet.Up, packet.AdminDown, packet.Down} {
				r.tester.State, r.tester.YourDiscr = st, localDiscr
				r.sayPoll()
				r.wait(sec)
			}
			r.wantState(c.name, packet.Down)
			if n := len(r.finals()); n != 5 {
				t.Errorf("%s: %d Finals to 5 Polls", c.name, n)
			}
			for _, f := range r.sent {
				if f.State != packet.Down || f.RequiredMinRx != c.rx {
					t.Fatalf("%s: sent %+v", c.name, f)
				}
			}
			p.HoldDown, p.RequiredMinRx = false, 50_000
			r.configure(p)
			r.wantState("let go", packet.Down)
			r.say(packet.Down)
			if r.s.State() != packet.Init {
				t.Errorf("let go: %v", r.s.State())
			}
		}
	}
	rows.Covers(t, "5880-FSM-19", "5880-6.8.18-01", "5880-6.8.18-02")
}

// TestControlPlaneIndependent: C is what was configured, in Finals too, and no
// reason for a Poll.
func TestControlPlaneIndependent(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	for _, on := range []bool{false, true, false} {
		p := r.s.Params()
		p.CPI = on
		r.clear()
		r.configure(p)
		r.wait(sec)
		r.sayPoll()
		r.note(r.s.ForwardingReset(r.now, r.rng))
		for _, f := range r.sent {
			if f.CPI != on || f.Poll && f.State == packet.Up {
				t.Fatalf("C is to be %v: sent %+v", on, f)
			}
		}
		r.say(packet.Down)
		r.say(packet.Up)
		r.talk(40 * ms)
		r.wait(sec)
	}
	r.tester.CPI = true
	r.say(packet.Up)
	if !r.s.Remote().CPI {
		t.Error("the peer's C is not known")
	}
	rows.Covers(t, "5880-6.8.7-06")
}

// TestFinalsAreNotLimited: a thousand Polls a second get a Final each, in any
// state that answers, so nothing need be advertised about it.
func TestFinalsAreNotLimited(t *testing.T) {
	for _, st := range []packet.State{packet.Down, packet.Init, packet.Up} {
		r := inState(t, st, false)
		tx := r.body().DesiredMinTx
		r.tester.State = map[packet.State]packet.State{packet.Down: packet.Up, packet.Init: packet.Down, packet.Up: packet.Up}[st]
		for range 2000 {
			r.clear()
			r.sayPoll()
			if f := r.finals(); len(f) != 1 || f[0].at != r.now || f[0].Poll || f[0].DesiredMinTx != tx {
				t.Fatalf("%v: a Poll was answered by %+v", st, f)
			}
			r.wait(ms)
		}
		r.wantState("polled", st)
	}
	rows.Covers(t, "5880-6.8.7-25", "5880-6.8.7-27", "5880-6.8.7-28")
}
