package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// demandParams are those of a session that asks for silence and polls so often.
func demandParams(interval int64, mult uint8, every int64) session.Params {
	p := params(interval, mult)
	p.Demand, p.DemandPoll = true, micros(every)
	return p
}

// asking is Up with our demand active and a peer that obeys: it only answers.
func asking(t testing.TB, p session.Params) *rig {
	t.Helper()
	r := newRig(t, p)
	r.say(packet.Down)
	r.say(packet.Up)
	r.wait(20 * ms)
	r.say(packet.Up)
	r.quiet()
	r.wait(2 * sec)
	if local, _ := r.s.Demand(); !local || r.s.State() != packet.Up {
		t.Fatalf("demand %v in %v", local, r.s.State())
	}
	r.clear()
	return r
}

// TestDemandBit: set with the three conditions only, and the first packet that
// has it polls.
func TestDemandBit(t *testing.T) {
	for _, st := range []packet.State{packet.AdminDown, packet.Down, packet.Init} {
		r := inState(t, st, false)
		r.configure(demandParams(50*ms, 3, sec))
		r.wait(2 * sec)
		if r.s.Control(&r.tester); r.tester.Demand {
			t.Errorf("%v: D is set", st)
		}
	}
	r := newRig(t, demandParams(50*ms, 3, sec))
	r.say(packet.Down)
	r.say(packet.Init)
	r.talk(40 * ms)
	r.wait(sec)
	for _, f := range r.sent {
		if f.Demand {
			t.Fatalf("D is set in %v, the peer being %v", f.State, packet.Init)
		}
	}
	r.clear()
	r.answer = false
	r.say(packet.Up)
	if f := r.last(); !f.Demand || !f.Poll || f.at != r.now {
		t.Errorf("first packet after both are Up: %+v", f)
	}
	r.sayFinal()
	r.say(packet.Up)
	r.clear()
	r.say(packet.Init) // it may, and then demand must end
	if f := r.last(); f.Demand || !f.Poll || f.State != packet.Up {
		t.Errorf("the peer is no longer Up: %+v", f)
	}
	r.wantState("all along", packet.Up)
	rows.Covers(t, "5880-6.8.7-08", "5880-6.6-02", "5880-6.6-04")
}

// TestDemandOnAndOff: at any time, without a change of state.
func TestDemandOnAndOff(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	for i := range 100 {
		p := params(50*ms, 3)
		p.Demand, p.DemandPoll = i%2 == 0, 1_000_000
		r.clear()
		r.configure(p)
		if p.Demand {
			r.quiet()
		} else {
			r.talk(45 * ms)
		}
		r.wait(int64(4+i%7) * 100 * ms)
		r.wantState("toggled", packet.Up)
		if f := r.periodic()[0]; f.Demand != p.Demand || !f.Poll {
			t.Fatalf("first packet after demand %v: %+v", p.Demand, f)
		}
	}
	rows.Covers(t, "5880-6.6-09", "5880-6.6-04")
}

// TestSilenceUnderDemand: it is what was asked for. Polls ride on the packets
// that are sent anyway.
func TestSilenceUnderDemand(t *testing.T) {
	r := asking(t, demandParams(50*ms, 3, sec))
	r.wait(60 * sec)
	r.wantState("silent", packet.Up)
	r.wantGaps("with Polls", 50*ms, 60*15)
	polls := 0
	for i, f := range r.sent {
		if f.Poll && (i == 0 || !r.sent[i-1].Poll) {
			polls++
		}
		if f.extra || !f.Demand || f.Final {
			t.Fatalf("packet %d: %+v", i, f)
		}
	}
	if polls < 55 || polls > 61 {
		t.Errorf("%d Polls in 60 s", polls)
	}
	rows.Covers(t, "5880-6.8.4-08", "5880-6.6-08", "5880-6.5-02")
}

// TestDemandEndsWithUp: D clear and slow periodic packets again.
func TestDemandEndsWithUp(t *testing.T) {
	r := asking(t, demandParams(50*ms, 3, sec))
	r.tester.DesiredMinTx = 1_000_000
	r.say(packet.Down)
	if f := r.last(); f.State != packet.Down || f.Demand || f.Diag != packet.DiagNeighborDown {
		t.Errorf("peer Down: %+v", f)
	}
	r.clear()
	r.tester.State = packet.Up // which keeps us Down
	r.talk(900 * ms)
	r.wait(20 * sec)
	r.wantGaps("after demand", sec, 18)
	r.wantForgotten(3 * sec)
	rows.Covers(t, "5880-6.6-10", "5880-6.1-06")
}

// wantForgotten wants the peer forgotten so long after it was last heard.
func (r *rig) wantForgotten(after int64) {
	r.t.Helper()
	r.silence()
	together(r.s.LastRx()+session.Time(after)-1, r)
	if r.s.Remote().Discr == 0 {
		r.t.Error("the peer is forgotten too early")
	}
	r.wait(1)
	if r.s.Remote().Discr != 0 {
		r.t.Errorf("the peer is still known %s after it was last heard", span(after))
	}
}

// TestDemandAtBothEnds: silence, and a peer that restarts is noticed by its first
// packet.
func TestDemandAtBothEnds(t *testing.T) {
	r := newRig(t, demandParams(50*ms, 3, 0))
	r.tester.Demand = true
	r.say(packet.Down)
	r.say(packet.Up)
	r.wait(20 * ms)
	r.say(packet.Up)
	r.quiet()
	r.wait(2 * sec)
	r.clear()
	r.wait(60 * sec)
	if len(r.sent) != 0 || r.s.Deadline() != session.Never {
		t.Errorf("%d packets, next deadline in %d ns", len(r.sent), r.s.Deadline()-r.now)
	}
	r.wantState("silent", packet.Up)
	r.tester = packet.Control{State: packet.Down, DetectMult: 3, Length: packet.ControlLen, MyDiscr: 99, DesiredMinTx: 1_000_000, RequiredMinRx: 50_000}
	r.hear(r.tester)
	if diff := cmp.Diff([]move{{packet.Down, packet.DiagNeighborDown, r.now}}, r.moves); diff != "" {
		t.Errorf("the peer restarts (-want +got):\n%s", diff)
	}
	if f := r.last(); f.YourDiscr != 99 || f.Demand {
		t.Errorf("the peer restarts: %+v", f)
	}

	// With Polls by itself the session that is asked for silence sends P only.
	r = newRig(t, demandParams(50*ms, 3, sec))
	r.tester.Demand = true
	r.say(packet.Down)
	r.say(packet.Up)
	r.wait(20 * ms)
	r.say(packet.Up)
	r.quiet()
	r.wait(2 * sec)
	r.clear()
	r.wait(60 * sec)
	r.wantPolls("both ask", true)
	if n := len(r.sent); n < 55 || n > 61 {
		t.Errorf("%d packets for a Poll a second, each answered at once", n)
	}
	rows.Covers(t, "5880-6.6-11", "5880-6.6-03")
}

// TestChangeUnderOwnDemand: every change is polled, one Poll after the other, and
// between them passes the time in which late Finals may still come.
func TestChangeUnderOwnDemand(t *testing.T) {
	r := asking(t, demandParams(50*ms, 3, 0))
	p := r.s.Params()
	p.DetectMult = 4
	r.configure(p)
	if f := r.last(); !f.Poll || f.DetectMult != 4 {
		t.Errorf("multiplier: %+v", f)
	}
	r.wait(10 * ms) // answered; its Poll settles
	p.DesiredMinTx = 100_000
	r.configure(p)
	if r.last().Poll || r.s.Polling() || !r.s.PollQueued() || r.s.TxInterval() != 50_000 {
		t.Errorf("while a Poll settles: %+v, interval %d µs", r.last(), r.s.TxInterval())
	}
	r.wait(sec)
	if r.s.TxInterval() != 100_000 || r.s.Polling() {
		t.Errorf("the second Poll has not come: interval %d µs, polling %v", r.s.TxInterval(), r.s.Polling())
	}
	r.silence()
	p.CPI = true
	r.configure(p)
	r.wait(400 * ms)
	if r.s.State() != packet.Down || r.s.Diag() != packet.DiagControlExpiry {
		t.Errorf("nobody answers: %v, %v", r.s.State(), r.s.Diag())
	}
	rows.Covers(t, "5880-6.6-05", "5880-6.8.3-12", "5880-6.8.4-07")
}
