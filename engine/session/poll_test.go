package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// heldUp is Up with own intervals tx and rx and a peer that asks for peerRx,
// says it sends every 100 ms, does so, and withholds its Finals from now on.
func heldUp(t *testing.T, tx, rx, peerRx int64) *rig {
	t.Helper()
	r := newRig(t, session.Params{DesiredMinTx: micros(tx), RequiredMinRx: micros(rx), DetectMult: 3})
	r.tester.DesiredMinTx, r.tester.RequiredMinRx = 100_000, micros(peerRx)
	r.up(100 * ms)
	r.wait(sec)
	r.clear()
	r.answer = false
	return r
}

// change sets own intervals.
func (r *rig) change(tx, rx int64) {
	r.t.Helper()
	p := r.s.Params()
	p.DesiredMinTx, p.RequiredMinRx = micros(tx), micros(rx)
	r.clear()
	r.configure(p)
}

// wantPolls wants P as given, and the intervals of the last change, in every
// periodic packet sent since the record was cleared.
func (r *rig) wantPolls(what string, poll bool) {
	r.t.Helper()
	p := r.periodic()
	if len(p) == 0 {
		r.t.Errorf("%s: no packets", what)
	}
	for i, f := range p {
		if f.Poll != poll || f.DesiredMinTx != r.s.Params().DesiredMinTx || f.RequiredMinRx != r.s.Params().RequiredMinRx {
			r.t.Errorf("%s: packet %d of %d has P %v, tx %d, rx %d; want P %v and %+v", what, i, len(p),
				f.Poll, f.DesiredMinTx, f.RequiredMinRx, poll, r.s.Params())
			return
		}
	}
}

func (r *rig) wantDT(what string, want int64) {
	r.t.Helper()
	if got := r.s.DetectionTime(); got != want {
		r.t.Errorf("%s: Detection Time %s, want %s", what, span(got), span(want))
	}
}

// TestPollVectors: own changes while Up. Each is polled; what may shorten the
// time either end waits for the other only counts after the Final.
func TestPollVectors(t *testing.T) {
	for _, c := range []struct {
		name              string
		tx, rx            int64 // before
		tx2, rx2          int64 // after
		gapHeld, gapAfter int64 // negotiated interval before and after the Final
		dtHeld, dtAfter   int64
	}{
		{"P1 tx 100 to 400", 100 * ms, 100 * ms, 400 * ms, 100 * ms, 100 * ms, 400 * ms, 300 * ms, 300 * ms},
		{"P2 tx 400 to 100", 400 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 300 * ms, 300 * ms},
		{"P3 rx 100 to 400", 100 * ms, 100 * ms, 100 * ms, 400 * ms, 100 * ms, 100 * ms, 1200 * ms, 1200 * ms},
		{"P4 rx 400 to 100", 100 * ms, 400 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 1200 * ms, 300 * ms},
		{"P10 tx 100 to 400 and rx 100 to 50", 100 * ms, 100 * ms, 400 * ms, 50 * ms, 100 * ms, 400 * ms, 300 * ms, 300 * ms},
		{"tx 100 to 400 and rx 400 to 100", 100 * ms, 400 * ms, 400 * ms, 100 * ms, 100 * ms, 400 * ms, 1200 * ms, 300 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := heldUp(t, c.tx, c.rx, 100*ms)
			r.change(c.tx2, c.rx2)
			if len(r.sent) != 1 || r.sent[0].at != r.now {
				t.Errorf("the change was not told at once: %+v", r.sent)
			}
			r.wait(30 * sec)
			r.wantPolls("Final withheld", true)
			r.wantGaps("Final withheld", c.gapHeld, int(25*sec/c.gapHeld))
			r.wantDT("Final withheld", c.dtHeld)
			r.clone(t).wantDown("silence before the Final", c.dtHeld)
			if got, want := r.s.PeerDetectionTime(), 3*max(c.tx2, 100*ms); got != want {
				t.Errorf("PeerDetectionTime() = %s, want %s", span(got), span(want))
			}

			last := r.last()
			r.sayFinal()
			r.sent = []frame{last}
			r.wait(20 * sec)
			r.wantGaps("after the Final", c.gapAfter, int(18*sec/c.gapAfter))
			r.sent = r.sent[1:]
			r.wantPolls("after the Final", false)
			r.wantState("all along", packet.Up)
			r.wantDown("silence after the Final", c.dtAfter)
		})
	}
	rows.Covers(t, "5880-6.5-01", "5880-6.5-02", "5880-6.5-03", "5880-6.5-05", "5880-6.8.3-02", "5880-6.8.3-03",
		"5880-6.8.3-04", "5880-6.8.3-06", "5880-6.8.3-07", "5880-6.8.6-22", "5880-6.8.7-03", "5880-6.8.7-13",
		"5880-6.8.7-14", "5880-6.8.7-22")
}

// TestPollOnTheWayUpAndDown: the automatic changes between the slow rate and
// the configured one are polled as well (P12, P13).
func TestPollOnTheWayUpAndDown(t *testing.T) {
	r := newRig(t, params(50*ms, 3))
	r.answer = false
	r.say(packet.Down)
	r.wait(ms)
	r.say(packet.Up)
	r.sent = r.sent[len(r.sent)-1:]
	r.talk(50 * ms)
	r.wait(10 * sec)
	r.wantPolls("first Up packets", true)
	r.wantGaps("first Up packets", 50*ms, 200) // a reduction: no wait for the Final
	r.sayFinal()
	r.sent = nil
	r.wait(sec)
	r.wantPolls("after the Final", false)
	rows.Covers(t, "5880-6.8.3-01", "5880-6.5-01", "5880-6.8.3-06", "5880-6.1-05")

	r.clear()
	r.tester.DesiredMinTx = 1_000_000
	r.say(packet.Down)
	r.tester.State = packet.Up // which a session that is Down ignores
	r.wait(30 * sec)
	for i, f := range r.periodic() {
		if f.State != packet.Down || f.DesiredMinTx != 1_000_000 || !f.Poll {
			t.Fatalf("packet %d on the way down: %+v, want Down, 1 s, P", i, f)
		}
	}
	r.wantGaps("down", sec, 25)
	r.sayFinal()
	r.sent = nil
	r.wait(5 * sec)
	if r.last().Poll {
		t.Error("P still set after the Final")
	}
	rows.Covers(t, "5880-6.8.3-01", "5880-6.8.3-05", "5880-6.1-06", "5880-FSM-10", "5880-6.8.7-13")
}

// TestNotUpHoldsNothingBack: only a session that is Up waits for the Final, and
// one that leaves Up waits no longer.
func TestNotUpHoldsNothingBack(t *testing.T) {
	r := heldUp(t, 100*ms, 400*ms, 100*ms)
	r.change(2*sec, 100*ms)
	r.wait(sec)
	r.wantGaps("Up, Final withheld", 100*ms, 9)
	r.silence()
	r.say(packet.Down)
	r.clear()
	r.wantDT("left Up", 300*ms)
	r.tester.DesiredMinTx = 100_000
	r.say(packet.Down) // to Init
	r.change(3*sec, 50*ms)
	r.wantDT("shorter in Init", 300*ms) // by what the peer says
	r.tester.DesiredMinTx = 0
	r.say(packet.Down)
	r.wantDT("shorter in Init", 150*ms)
	r.tester.DetectMult = 255
	r.say(packet.Down)
	r.change(2*sec, 100*ms)
	for len(r.sent) < 6 {
		r.step()
	}
	r.wantGaps("Init", 2*sec, 5)
	rows.Covers(t, "5880-6.8.3-05")
}

// TestUnsolicitedFinal changes nothing.
func TestUnsolicitedFinal(t *testing.T) {
	r := heldUp(t, 100*ms, 100*ms, 100*ms)
	for range 20 {
		before := r.s.Deadline()
		out := r.s.Receive(r.now, r.now, &packet.Control{
			State: packet.Up, Final: true, DetectMult: 3, MyDiscr: testerDiscr, DesiredMinTx: 100_000, RequiredMinRx: 100_000,
		}, r.rng)
		if out != 0 || r.s.Deadline() != before {
			t.Fatalf("outcome %b, deadline %d to %d; want nothing", out, before, r.s.Deadline())
		}
		r.wait(130 * ms)
	}
	r.wantState("Finals unasked for", packet.Up)
	r.wantGaps("Finals unasked for", 100*ms, 20)
	r.wantPolls("Finals unasked for", false)
	rows.Covers(t, "5880-6.8.6-22")
}

// TestPollAndFinalTogether is not legal to send, but nothing says to drop it:
// F counts, then P is answered.
func TestPollAndFinalTogether(t *testing.T) {
	r := heldUp(t, 100*ms, 100*ms, 100*ms)
	r.change(400*ms, 100*ms)
	c := r.tester
	c.Poll, c.Final = true, true
	r.clear()
	r.hear(c)
	if len(r.sent) != 1 || !r.sent[0].Final || r.s.TxInterval() != 400_000 {
		t.Errorf("sent %+v, interval %d µs; want one Final and the Poll ended", r.sent, r.s.TxInterval())
	}
}

// TestAnswerWhilePolling: a Final carries F and no P, the periodic packets go on
// carrying P and no F.
func TestAnswerWhilePolling(t *testing.T) {
	r := heldUp(t, 100*ms, 100*ms, 100*ms)
	r.change(400*ms, 100*ms)
	for range 50 {
		r.wait(37 * ms)
		r.sayPoll()
		if f := r.last(); !f.Final || f.Poll || f.at != r.now {
			t.Fatalf("answer %+v, want a Final now", f)
		}
	}
	r.wantPolls("the others", true)
	r.wantGaps("the others", 100*ms, 15)
	if n := len(r.finals()); n != 50 {
		t.Errorf("%d Finals to 50 Polls", n)
	}
	rows.Covers(t, "5880-6.8.7-03", "5880-6.8.7-04", "5880-6.8.7-05", "5880-6.5-02")
}
