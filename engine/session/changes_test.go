package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestSecondChange: a Final may answer packets from before a change. It then
// must not put the change in force (RFC 5880 §6.8.3).
func TestSecondChange(t *testing.T) {
	t.Run("P11 there and back before the Final", func(t *testing.T) {
		r := heldUp(t, 100*ms, 100*ms, 100*ms)
		r.change(400*ms, 100*ms)
		r.wait(sec)
		r.change(100*ms, 100*ms)
		r.wait(sec)
		for range 3 {
			r.sayFinal()
			r.wait(sec)
		}
		r.wantGaps("throughout", 100*ms, 30)
		r.wantDT("throughout", 300*ms)
		r.wantState("throughout", packet.Up)
	})
	t.Run("while polling", func(t *testing.T) {
		r := heldUp(t, 100*ms, 400*ms, 100*ms)
		r.change(400*ms, 400*ms)
		r.wait(sec)
		r.change(400*ms, 100*ms)
		if !r.s.PollQueued() {
			t.Error("the second change asks for no Poll of its own")
		}
		r.sayFinal() // to the first Poll: sent before the peer heard of the second change
		r.sent = r.sent[len(r.sent)-1:]
		r.wait(90 * ms)
		r.wantDT("first Final", 1200*ms)
		r.wait(sec) // a packet with F clear comes: the second Poll begins
		r.wantGaps("second Poll", 100*ms, 9)
		r.wantDT("second Poll", 1200*ms)
		if !r.last().Poll || r.s.PollQueued() {
			t.Errorf("second change: P %v, another Poll queued %v; want P only", r.last().Poll, r.s.PollQueued())
		}
		r.sayFinal()
		r.sent = nil
		r.wait(5 * sec)
		r.wantGaps("second Final", 400*ms, 10)
		r.wantDT("second Final", 300*ms)
		r.wantPolls("second Final", false)
	})
	t.Run("after the Poll, late Finals under way", func(t *testing.T) {
		r := heldUp(t, 100*ms, 100*ms, 100*ms)
		r.change(110*ms, 100*ms)
		r.wait(350 * ms) // several P packets
		r.silence()      // and nothing with F clear from here on
		r.sayFinal()
		r.change(400*ms, 100*ms)
		r.wait(50 * ms)
		r.sayFinal() // late, to an older P
		r.sayFinal()
		if got := r.s.TxInterval(); got != 110_000 {
			t.Errorf("a late Final put the change in force: interval %d µs", got)
		}
		r.wait(100 * ms)
		r.say(packet.Up)
		r.talk(100 * ms)
		r.clear()
		r.wait(sec)
		r.wantPolls("once a packet with F clear has come", true)
		r.wantGaps("once a packet with F clear has come", 110*ms, 8)
		r.sayFinal()
		r.sent = nil
		r.wait(5 * sec)
		r.wantGaps("its own Final", 400*ms, 10)
		r.wantState("all along", packet.Up)
	})
	rows.Covers(t, "5880-6.8.3-12")
}

// TestOnePollForAll: changes made in one call are told by one Poll, whatever
// their number.
func TestOnePollForAll(t *testing.T) {
	r := heldUp(t, 100*ms, 100*ms, 100*ms)
	p := r.s.Params()
	p.DesiredMinTx, p.RequiredMinRx, p.DetectMult = 200_000, 50_000, 5
	r.configure(p)
	r.sayFinal()
	r.say(packet.Up)
	if r.s.Polling() || r.s.TxInterval() != 200_000 {
		t.Errorf("after one Final: polling %v, interval %d µs; want the change in force", r.s.Polling(), r.s.TxInterval())
	}

	// Disabling and changing an interval in one call is one change of content.
	p.AdminDown, p.RequiredMinRx = true, 70_000
	r.wait(sec)
	r.clear()
	r.configure(p)
	if len(r.sent) != 1 || r.last().State != packet.AdminDown || r.last().RequiredMinRx != 70_000 || !r.last().Poll {
		t.Errorf("sent %+v, want one AdminDown packet with the new interval and P", r.sent)
	}
	r.sayFinal()
	if r.s.Polling() {
		t.Error("after one Final: still polling")
	}
	rows.Covers(t, "5880-6.8.3-12")
}
