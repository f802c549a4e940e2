package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// take reads events until none come.
func (r *rig) take() []Event {
	r.t.Helper()
	var all []Event
	for {
		n := len(all)
		all = r.e.TakeEvents(all)
		r.step()
		if len(all) == n {
			return all
		}
	}
}

var eventOpts = cmp.AllowUnexported(Event{})

// A change of state is an event, with what happened and why.
func TestEvents(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.take()
	from := r.now

	r.hear(0, r.rx(1, control(1, packet.Down, 0)))
	want := []Event{{Discr: d, Transitions: 1, From: packet.Down, Change: Change{
		At: from, From: packet.Down, To: packet.Init, Remote: packet.Down,
	}}}
	select {
	case <-r.e.Notify():
	default:
		t.Error("nobody was told that there are events")
	}
	if diff := cmp.Diff(want, r.take(), eventOpts); diff != "" {
		t.Errorf("to Init (-want +got):\n%s", diff)
	}

	r.hear(0, r.rx(1, control(1, packet.Up, d)))
	want[0] = Event{Discr: d, Transitions: 1, From: packet.Init, LastRx: from, Heard: true, Change: Change{
		At: from, From: packet.Init, To: packet.Up, Remote: packet.Up,
	}}
	if diff := cmp.Diff(want, r.take(), eventOpts); diff != "" {
		t.Errorf("to Up (-want +got):\n%s", diff)
	}
	last := r.now

	r.run(3 * sec)
	down := last + 150*ms
	want[0] = Event{Discr: d, Transitions: 1, From: packet.Up, LastRx: last, Heard: true,
		Change:  Change{At: down, From: packet.Up, To: packet.Down, Diag: packet.DiagControlExpiry, Remote: packet.Down},
		Failed:  true,
		Failure: Failure{At: down, Diag: packet.DiagControlExpiry, LastRx: last, DetectionTime: int64(150 * ms), LostWithin: int64(150 * ms)},
	}
	if diff := cmp.Diff(want, r.take(), eventOpts); diff != "" {
		t.Errorf("to Down (-want +got):\n%s", diff)
	}
	if c := r.status(d).Counters; c.Up != 1 || c.Down != 1 || c.Failures != 1 {
		t.Errorf("counters %+v", c)
	}
	rows.Covers(t, "5882-3.3-01")
}

// Nobody reads: changes merge into one event that keeps the last failure.
func TestEventsMerge(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.take()
	r.e.workers[0].out.full = append(r.e.workers[0].out.full, Event{}) // handed over, not taken
	for range 5 {
		r.up(d, 1)
		r.run(200 * ms) // Down with diagnostic 1
		r.now += ms
		r.hear(0, r.rx(1, control(1, packet.Down, 0))) // and Init
	}
	failed := r.status(d).LastRx - ms
	if n := len(r.e.workers[0].out.pending); n != 1 {
		t.Fatalf("%d events for one session", n)
	}
	got := r.take()[1]
	if got.Transitions != 16 || got.From != packet.Down || got.Change.To != packet.Init {
		t.Errorf("%d transitions from %v to %v, want 16 from down to init", got.Transitions, got.From, got.Change.To)
	}
	if !got.Failed || got.Failure.Diag != packet.DiagControlExpiry || got.Failure.At > failed {
		t.Errorf("the failure was merged away: %+v", got)
	}
}

// An administrative Down after a failure does not hide it.
func TestFailureOutranksAdminDown(t *testing.T) {
	for _, order := range []string{"failure last", "admin last"} {
		t.Run(order, func(t *testing.T) {
			r := newRig(t, 1)
			d := r.add(p50, 1)
			r.step()
			r.take()
			r.e.workers[0].out.full = append(r.e.workers[0].out.full, Event{})
			fail := func() { r.up(d, 1); r.run(200 * ms) }
			admin := func() { r.up(d, 1); r.hear(0, r.rx(1, control(1, packet.AdminDown, d))) }
			if order == "failure last" {
				admin()
				fail()
			} else {
				fail()
				admin()
			}
			got := r.take()[1]
			if !got.Failed || got.Failure.Admin || got.Failure.Diag != packet.DiagControlExpiry {
				t.Errorf("event %+v", got)
			}
			if c := r.status(d).Counters; c.Failures != 1 || c.Down != 2 {
				t.Errorf("%d failures of %d transitions to Down, want 1 of 2", c.Failures, c.Down)
			}
			rows.Covers(t, "5882-3.2-01", "5882-4.2-01")
		})
	}
}

// However much happens while nobody reads, memory is one event per session.
func TestEventMemory(t *testing.T) {
	const n = 500
	r := newRig(t, 1)
	for i := range n {
		r.add(p50, i)
	}
	r.run(sec)
	for range 20 {
		for i := range n {
			r.ports[0].in = append(r.ports[0].in, r.rx(i, control(i, packet.Down, 0)))
		}
		r.run(200 * ms)
	}
	o := &r.e.workers[0].out
	if len(o.pending) > n || len(o.full) > n {
		t.Errorf("%d events pending and %d handed over for %d sessions", len(o.pending), len(o.full), n)
	}
	if got := len(r.take()); got > 2*n {
		t.Errorf("%d events taken for %d sessions", got, n)
	}
}

// A reader that holds the lock delays its events by a millisecond, never the
// worker.
func TestEventsDoNotBlock(t *testing.T) {
	r := newRig(t, 1)
	r.add(p50, 1)
	r.step()
	w := r.e.workers[0]
	w.out.mu.Lock()
	r.ports[0].in = append(r.ports[0].in, r.rx(1, control(1, packet.Down, 0)))
	next := w.Step(r.now)
	w.out.mu.Unlock()
	if next > r.now+ms {
		t.Errorf("tries again after %d ns", next-r.now)
	}
	if w.Step(next); len(w.out.full) != 1 {
		t.Error("the event was not handed over")
	}
}

// What is said about a failure tells whether this worker itself was late.
func TestFailureTellsOfStall(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	r.take()
	r.now += 400 * ms // nobody calls Step
	r.step()
	r.run(stallSettle + unjudgedRetry)
	got := r.take()
	if len(got) != 1 || !got[0].Failed {
		t.Fatalf("events %+v", got)
	}
	f := got[0].Failure
	if f.Stalled < int64(300*ms) || f.Stalled > int64(400*ms) {
		t.Errorf("stalled %d ns, was called about 360 ms late", f.Stalled)
	}
	if tot := r.e.workers[0].Totals(); tot.Stalls != 1 || tot.MaxStall != f.Stalled {
		t.Errorf("totals %+v", tot)
	}
}
