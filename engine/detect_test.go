package engine

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A stall longer than the Detection Time costs no session whose packets wait in
// the ring with stamps from in time.
func TestReceiveBeforeExpire(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	start := r.now
	for r.now < start+400*ms {
		r.now += 40 * ms
		r.ports[0].in = append(r.ports[0].in, r.rx(1, control(1, packet.Up, d)))
	}
	r.now += 100 * ms // the stall ends; the last packet is younger than 150 ms
	r.step()
	if st := r.status(d); st.State != packet.Up {
		t.Fatalf("%v/%d after a stall with packets waiting", st.State, st.Diag)
	}
	rows.Covers(t, "5880-6.8.4-05")
}

// What counts is when a packet arrived, not when it was read.
func TestDetectionCountsFromArrival(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	rx := r.rx(1, control(1, packet.Up, d))
	arrived := rx.Arrival
	r.now += 100 * ms
	r.hear(0, rx) // read 100 ms late
	if st := r.status(d); st.LastRx != arrived {
		t.Errorf("last packet at %d ns after its arrival", st.LastRx-arrived)
	}
	r.run(60 * ms)
	st := r.status(d)
	if st.State != packet.Down || st.Change.At != arrived+150*ms {
		t.Errorf("%v %d ns after the arrival, want down at %d", st.State, st.Change.At-arrived, 150*ms)
	}
	rows.Covers(t, "5880-6.8.4-05", "5880-FSM-14")
}

// With more in the ring than one Step takes, silence is not judged before the
// rest has been seen.
func TestUndrainedPortPostponesJudging(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	e := r.add(p50, 2)
	r.step()
	r.up(d, 1)
	r.up(e, 2)
	r.now += 10 * ms
	for range rxBatch * rxBatches {
		r.ports[0].in = append(r.ports[0].in, r.rx(2, control(2, packet.Up, e)))
	}
	r.now += 100 * ms
	r.ports[0].in = append(r.ports[0].in, r.rx(1, control(1, packet.Up, d)))
	r.now += 90 * ms // beyond d's deadline as it stands

	w := r.e.workers[0]
	next := w.Step(r.now)
	if st := r.status(d); st.State != packet.Up {
		t.Fatalf("%v with its packet still in the ring", st.State)
	}
	if next > r.now {
		t.Errorf("wants to go on only in %d ns", next-r.now)
	}
	w.Step(r.now)
	if st := r.status(d); st.State != packet.Up || st.LastRx != r.now-90*ms {
		t.Errorf("%v, last packet %d ns ago", st.State, r.now-st.LastRx)
	}
	w.Step(r.now + stallSettle)
	if st := r.status(e); st.State != packet.Down {
		t.Errorf("%v: the other session was silent for 190 ms", st.State)
	}
}

// A stall that may be the whole host's gives a peer a moment to be heard again,
// the same whenever in the stall its time was up, and one that does not use it no
// more than that.
func TestPeerOnTheSameHostGetsAMoment(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	silent := r.add(p50, 2)
	r.step()
	r.up(d, 1)
	r.up(silent, 2)
	r.now += 400 * ms // both ends stand still
	resumed := r.now
	r.step()
	r.run(ms)
	r.hear(0, r.rx(1, control(1, packet.Up, d)))
	r.run(stallSettle - ms - 1)
	for _, id := range []uint32{d, silent} {
		if st := r.status(id); st.State != packet.Up {
			t.Errorf("%v %d ns after the stall", st.State, r.now-resumed)
		}
	}
	r.run(unjudgedRetry)
	if st := r.status(d); st.State != packet.Up || st.Counters.Down != 0 {
		t.Errorf("%v: it was heard 1 ms after the stall", st.State)
	}
	if st := r.status(silent); st.State != packet.Down || st.Change.At > resumed+stallSettle+unjudgedRetry {
		t.Errorf("%v %d ns after the stall, want down after %d", st.State, r.now-resumed, stallSettle)
	}
}

// A stall that the Detection Time bears delays nothing.
func TestShortStallDelaysNothing(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	r.hear(0, r.rx(1, control(1, packet.Up, d)))
	due := r.now + 150*ms
	r.run(149 * ms)
	r.now = due + 20*ms // called 20 ms late, of 150
	r.step()
	if st := r.status(d); st.State != packet.Down || st.Change.At != r.now {
		t.Errorf("%v at %d ns after the deadline", st.State, st.Change.At-due)
	}
}

// Neither early nor late, to the nanosecond of the wheel, and a Step is asked
// for by then.
func TestDetectionTime(t *testing.T) {
	for _, us := range []uint32{3_300, 10_000, 50_000, 1_000_000} {
		p := session.Params{DesiredMinTx: us, RequiredMinRx: us, DetectMult: 3}
		r := newRig(t, 1)
		d := r.add(p, 1)
		r.step()
		r.up(d, 1)
		c := control(1, packet.Up, d)
		c.DesiredMinTx = us
		r.hear(0, r.rx(1, c))
		last, dt := r.now, session.Time(us)*3000
		r.run(dt - 1)
		if st := r.status(d); st.State != packet.Up {
			t.Errorf("%d µs: %v before the Detection Time", us, st.State)
		}
		r.run(1)
		if st := r.status(d); st.State != packet.Down || st.Diag != packet.DiagControlExpiry || st.Change.At != last+dt {
			t.Errorf("%d µs: %v/%d %d ns after the last packet, want %d", us, st.State, st.Diag, st.Change.At-last, dt)
		}
	}
	rows.Covers(t, "5880-6.8.4-01", "5880-6.8.4-03", "7419-3-01")
}

// A thousand peers fall silent together: each is noticed, in bounded Steps.
func TestManyExpireTogether(t *testing.T) {
	const n = 1000
	r := newRig(t, 1)
	for i := range n {
		r.add(p50, i)
	}
	r.run(sec)
	var all []uint32
	for d, rec := range r.e.sessions {
		all = append(all, d)
		i := int(rec.path.key.peer[14])<<8 | int(rec.path.key.peer[15])
		r.ports[0].in = append(r.ports[0].in, r.rx(i, control(i, packet.Down, 0)), r.rx(i, control(i, packet.Up, d)))
	}
	r.step()
	r.run(151 * ms)
	for _, d := range all {
		if st := r.status(d); st.State != packet.Down || st.Diag != packet.DiagControlExpiry {
			t.Fatalf("session %#x is %v/%d", d, st.State, st.Diag)
		}
	}
}
