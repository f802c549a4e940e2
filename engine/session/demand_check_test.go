package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestUnansweredPoll: Down with diagnostic 1 after our own multiplier times the
// transmit interval, counted from the first packet with P, which is repeated
// until then; and not later after the failure than the bound says.
func TestUnansweredPoll(t *testing.T) {
	for _, c := range []struct {
		tx, peerRx int64
		mult, peer uint8
		every      int64
	}{
		{50 * ms, 50 * ms, 3, 7, sec}, {50 * ms, 200 * ms, 3, 1, sec}, {100 * ms, 10 * ms, 5, 3, 200 * ms}, {50 * ms, 50 * ms, 1, 3, 2 * sec},
	} {
		p := demandParams(c.tx, c.mult, c.every)
		r := newRig(t, p)
		r.tester.RequiredMinRx, r.tester.DetectMult = micros(c.peerRx), c.peer
		r.say(packet.Down)
		r.say(packet.Up)
		r.quiet()
		r.wait(3 * sec)
		interval := max(c.tx, c.peerRx)
		want := int64(c.mult) * interval
		r.wantDT("demand", want)
		for range 20 {
			r := r.clone(t)
			r.silent = false
			r.wait(int64(r.rng.Uint64()%uint64(sec)) + sec)
			r.clear()
			r.silence()
			died := r.now
			r.wait(r.s.DemandBound())
			if len(r.moves) != 1 || r.moves[0].Diag != packet.DiagControlExpiry || r.moves[0].To != packet.Down {
				t.Fatalf("%+v: not Down within the bound of %s: %+v", c, span(r.s.DemandBound()), r.moves)
			}
			var first session.Time = -1
			polls := 0
			for _, f := range r.sent {
				if f.Poll && f.State == packet.Up {
					if first < 0 {
						first = f.at
					}
					polls++
				}
			}
			if got := int64(r.moves[0].At - first); got != want || first < died || polls < int(c.mult) {
				t.Errorf("%+v: Down %s after the first of %d Polls, want %s", c, span(got), polls, span(want))
			}
		}
	}
	rows.Covers(t, "5880-6.8.4-06", "5880-6.8.4-07", "5880-6.6-07")
}

// TestCheckOnCommand: with no time between Polls there is one when told to.
func TestCheckOnCommand(t *testing.T) {
	r := asking(t, demandParams(50*ms, 3, 0))
	if r.s.DemandBound() != 0 {
		t.Errorf("a bound of %s without Polls", span(r.s.DemandBound()))
	}
	r.wait(30 * sec)
	r.wantPolls("nobody asked", false)
	r.clear()
	r.s.Verify()
	r.wait(40 * ms)
	r.wait(15 * ms)
	r.wantState("answered", packet.Up)
	if n := len(r.periodic()); n > 2 || !r.periodic()[0].Poll {
		t.Errorf("asked: sent %+v", r.sent)
	}
	// Asked again while Finals may still come: later, but it is done.
	r.s.Verify()
	r.clear()
	r.wait(300 * ms)
	if r.sent[0].Poll || !r.sent[3].Poll && !r.sent[4].Poll || r.sent[len(r.sent)-1].Poll {
		t.Errorf("asked again: %+v", r.sent)
	}
	r.silence()
	r.s.Verify()
	r.wait(400 * ms)
	if r.s.State() != packet.Down || r.s.Diag() != packet.DiagControlExpiry {
		t.Errorf("asked a peer that is gone: %v, %v", r.s.State(), r.s.Diag())
	}
	rows.Covers(t, "5880-6.6-07", "5880-6.8.4-07", "5880-6.8.4-08")
}

// TestPollFromBeforeDemand: it needed no answer while it ran, so its age proves
// nothing.
func TestPollFromBeforeDemand(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	r.answer = false
	r.configure(params(60*ms, 3))
	r.wait(10 * sec) // P all along, and no Final
	r.wantState("unanswered", packet.Up)
	r.configure(demandParams(60*ms, 3, sec))
	r.quiet()
	r.wait(100 * ms)
	r.wantState("demand has just begun", packet.Up)
	r.answer = true
	r.sayFinal()
	r.wait(10 * sec)
	r.wantState("answered", packet.Up)
	rows.Covers(t, "5880-6.8.4-07", "5880-6.6-09")
}

// TestLatePoll: what we were too late to repeat is not unanswered for that long.
func TestLatePoll(t *testing.T) {
	for _, stall := range []int64{60 * ms, 500 * ms, 60 * sec} {
		r := asking(t, demandParams(50*ms, 3, sec))
		r.silence()
		for !r.s.Polling() || len(r.sent) == 0 || !r.last().Poll {
			r.wait(ms)
		}
		r.now = r.s.Deadline() + session.Time(stall) // the first P is lost, the second late
		r.note(r.s.Expire(r.now, true, r.rng))
		r.wantState("late", packet.Up)
		late := r.clone(t)
		if late.wait(200 * ms); late.s.State() != packet.Down {
			t.Errorf("%s late: a peer that is gone is not found after a stall", span(stall))
		}
		r.silent = false
		r.wait(40 * ms)
		r.sayFinal()
		r.wait(10 * sec)
		r.wantState("late", packet.Up)
	}
	rows.Covers(t, "5880-6.8.4-07")
}

// TestShorterDetectionUnderDemand: a Detection Time that we, or the peer, make
// shorter while a Poll runs has not passed for that.
func TestShorterDetectionUnderDemand(t *testing.T) {
	for _, c := range []struct {
		name    string
		shorten func(r *rig)
	}{
		{"multiplier", func(r *rig) { r.configure(demandParams(sec, 1, 5*sec)) }},
		{"interval", func(r *rig) { r.configure(demandParams(100*ms, 3, 5*sec)) }},
		{"the peer's interval", func(r *rig) { r.tester.RequiredMinRx = 100_000; r.say(packet.Up) }},
	} {
		p := demandParams(sec, 3, 5*sec)
		if c.name == "the peer's interval" {
			p.DesiredMinTx = 100_000
		}
		r := newRig(t, p)
		r.tester.RequiredMinRx = 1_000_000
		r.say(packet.Down)
		r.say(packet.Up)
		r.quiet()
		r.wait(20 * sec)
		r.silence()
		r.clear()
		for len(r.sent) == 0 || !r.last().Poll {
			r.wait(10 * ms)
		}
		r.wait(2500 * ms)
		c.shorten(r)
		r.wait(50 * ms)
		r.wantState(c.name, packet.Up)
		r.wait(3 * sec)
		if r.s.State() != packet.Down {
			t.Errorf("%s: %v, nobody ever answered", c.name, r.s.State())
		}
	}
	rows.Covers(t, "5880-6.8.4-07")
}

// TestSequenceUnderDemand: the silence that our demand asked for is no sign of a
// restart, so any number is taken only where no Poll breaks it.
func TestSequenceUnderDemand(t *testing.T) {
	for _, every := range []int64{0, 60 * sec} {
		r := asking(t, demandParams(50*ms, 3, every))
		r.auth(meticulous, false)
		r.wait(sec)
		r.prove(1000, false)
		r.wait(2 * sec)
		if got := r.accepts(77); got != (every == 0) {
			t.Errorf("a Poll each %s: a number far away taken: %v", span(every), got)
		}
		if !r.accepts(1001) {
			t.Errorf("a Poll each %s: the next number is refused", span(every))
		}
	}
	rows.Covers(t, "5880-6.8.1-14")
}
