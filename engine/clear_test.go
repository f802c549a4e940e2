package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// A session that is cleared counts from nothing, whoever had counted, and is
// otherwise as it was; the worker's own totals go on.
func TestClear(t *testing.T) {
	r := newRig(t, 1)
	r.e.lanes = fastpath.New(4)
	p := echoParams()
	p.EchoRx = 0
	b := newLoopBedOn(r, p, echoPathTo(1))
	b.let(2 * sec)
	b.configure(func(p *session.Params) { p.EchoTx = 0 })
	b.let(2 * sec)
	far := b.peer
	far.DetectMult = 7 // not expected, and then from too far away
	rx := b.framed(far)
	rx.TTL = 254
	b.way = append(b.way, rx)
	b.let(ms)
	before, totals := b.status(b.discr), b.e.workers[0].Totals()
	if c := before.Counters; c.Tx == 0 || c.Rx == 0 || c.Up != 1 || before.RxHeard == 0 || before.Echo.Sent == 0 ||
		before.Echo.RTT.Count == 0 || before.Discards == (Discards{}) || before.Margin == (Margin{}) {
		t.Fatalf("nothing to clear: %+v", before)
	}
	if err := b.e.Clear(b.discr, false); err != nil {
		t.Fatal(err)
	}
	b.step()
	want, got := before, b.status(b.discr)
	want.Counters, want.Discards, want.Margin, want.RxHeard = Counters{}, Discards{}, Margin{}, 0
	want.Echo.Sent, want.Echo.Returned, want.Echo.RTT = 0, 0, session.RTT{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cleared (-want +got):\n%s", diff)
	}
	if now := b.e.workers[0].Totals(); now.Rx != totals.Rx || now.Drops != totals.Drops {
		t.Errorf("totals went from %+v to %+v", totals, now)
	}
	b.let(sec)
	if st := b.status(b.discr); st.Counters.Up != 0 || st.Counters.Rx+st.RxHeard != 25 || st.Counters.Tx == 0 || st.Change != before.Change {
		t.Errorf("a second later: %+v, heard %d", st.Counters, st.RxHeard)
	}
	if m := b.status(b.discr).Margin; m.LongestRx != int64(40*ms) || m.Least != int64(110*ms) {
		t.Errorf("margin a second later: %+v", m)
	}
	b.e.ClearAll()
	b.step()
	if st := b.status(b.discr); st.Counters != (Counters{}) || st.RxHeard != 0 {
		t.Errorf("cleared with all others: %+v", st.Counters)
	}
}

// Where only packets are cleared, changes of state, margins and round trip times go
// on from where they were, also from where an earlier clear had left them.
func TestClearPackets(t *testing.T) {
	r := newRig(t, 1)
	r.e.lanes = fastpath.New(4)
	b := newLoopBedOn(r, echoParams(), echoPathTo(1))
	b.let(2 * sec)
	for _, clear := range []bool{true, false, true} {
		before := b.status(b.discr)
		if before.Counters.Tx == 0 || before.Echo.RTT.Count == 0 || before.Margin == (Margin{}) {
			t.Fatalf("nothing to clear: %+v", before)
		}
		if err := b.e.Clear(b.discr, clear); err != nil {
			t.Fatal(err)
		}
		b.step()
		want, got := before, b.status(b.discr)
		want.Counters, want.Discards, want.RxHeard, want.Echo.Sent, want.Echo.Returned, want.Echo.Looped = Counters{}, Discards{}, 0, 0, 0, 0
		if clear {
			want.Counters.Up, want.Counters.Down = before.Counters.Up, before.Counters.Down
		} else {
			want.Margin, want.Echo.RTT = Margin{}, session.RTT{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cleared, packets only: %v (-want +got):\n%s", clear, diff)
		}
		b.let(sec)
	}
}

// Whoever gets the slot of a session that was cleared counts from nothing, too.
func TestClearEndsWithTheSession(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.run(2 * sec)
	if err := r.e.Clear(d, false); err != nil {
		t.Fatal(err)
	}
	if err := r.e.Remove(d, -1); err != nil {
		t.Fatal(err)
	}
	r.step()
	r.e.TakeEvents(nil)
	if err := r.e.Clear(d, false); err == nil {
		t.Error("cleared a session that is gone")
	}
	d = r.add(p50, 2)
	r.run(sec)
	st, ok := r.e.workers[0].Status(d, r.now)
	if !ok || st.State != packet.Down || st.Counters.Tx == 0 || st.Counters.Tx > 3 || len(r.e.workers[0].cleared) != 0 {
		t.Errorf("%v, counters %+v", ok, st.Counters)
	}
}
