package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// twoWorkers returns a rig with a session that is Up, the worker that runs it,
// and the other one.
func twoWorkers(t *testing.T) (r *rig, discr uint32, owner, other int) {
	r = newRig(t, 2)
	discr = r.add(p50, 1)
	r.up(discr, 1)
	w, _ := r.e.key.find(discr)
	return r, discr, int(w), 1 - int(w)
}

// A session is found whatever queue its packets arrive on.
func TestHandOff(t *testing.T) {
	r, d, owner, other := twoWorkers(t)
	before := r.status(d).Counters.Rx
	for range 1000 {
		r.now += ms
		r.ports[owner].in = append(r.ports[owner].in, r.rx(1, control(1, packet.Up, d)))
		r.hear(other, r.rx(1, control(1, packet.Up, d)))
	}
	st := r.status(d)
	if got := st.Counters.Rx - before; got != 2000 {
		t.Errorf("%d of 2000 packets received", got)
	}
	if st.LastRx != r.now {
		t.Errorf("the stamp was lost on the way: last packet %d ns old", r.now-st.LastRx)
	}
	if r.drops() != (Discards{}) {
		t.Errorf("discards %v", r.drops())
	}
	r.hear(other, r.rx(1, control(1, packet.Down, 0)))
	if st := r.status(d); st.State != packet.Down || st.Diag != packet.DiagNeighborDown {
		t.Errorf("a packet without discriminator on the other queue: %v/%d", st.State, st.Diag)
	}
	rows.Covers(t, "ENV-RQ-01")
}

// A batch of frames for one worker wakes it once.
func TestHandOffWakesOnce(t *testing.T) {
	r, d, owner, other := twoWorkers(t)
	wakes := 0
	r.e.wakeFn = func(i int) {
		if i == owner {
			wakes++
		}
	}
	for range 100 {
		r.ports[other].in = append(r.ports[other].in, r.rx(1, control(1, packet.Up, d)))
	}
	r.e.workers[other].Step(r.now)
	if wakes != 1 {
		t.Errorf("woken %d times", wakes)
	}
}

// A ring that is full loses frames, and they are counted.
func TestHandOffFull(t *testing.T) {
	r, d, _, other := twoWorkers(t)
	before := r.status(d).Counters.Rx
	const extra = 10
	for range handoffSlots + extra {
		r.ports[other].in = append(r.ports[other].in, r.rx(1, control(1, packet.Up, d)))
	}
	for r.e.workers[other].Step(r.now) <= r.now {
	}
	r.step()
	if got := r.drops()[packet.DropHandoffFull]; got != extra {
		t.Errorf("%d frames counted as lost, want %d", got, extra)
	}
	if got := r.status(d).Counters.Rx - before; got != handoffSlots {
		t.Errorf("%d frames passed, want %d", got, handoffSlots)
	}
}

// A longer payload passes as far as a BFD packet can reach.
func TestHandOffPadded(t *testing.T) {
	r, d, _, other := twoWorkers(t)
	before := r.status(d).Counters.Rx
	rx := r.rx(1, control(1, packet.Up, d))
	rx.Payload = append(rx.Payload, make([]byte, 1000)...)
	r.hear(other, rx)
	if got := r.status(d).Counters.Rx - before; got != 1 {
		t.Errorf("a padded packet was not received: %v", r.drops())
	}
}

// A whole frame passes as one, and one that is too long as its payload alone.
func TestHandOffFrames(t *testing.T) {
	var h handoff
	r := newRig(t, 1)
	path := echoPathTo(1)
	frame := peerEcho(t, path, path.Peer, path.Peer, 255)
	rx := r.received(frame)
	long := r.received(frame)
	long.Frame = append(frame[:len(frame):len(frame)], make([]byte, handoffPayload)...)
	socket := rx
	socket.Frame = nil
	for i, in := range []Rx{rx, long, socket} {
		if !h.put(&in, int32(i)) {
			t.Fatal("no room in an empty ring")
		}
		var out Rx
		if at, ok := h.peek(&out); !ok || at != int32(i) {
			t.Fatalf("interface %d, %v", at, ok)
		}
		want := in
		if i > 0 {
			want.Frame, want.SrcMAC, want.DstMAC = nil, packet.MAC{}, packet.MAC{}
		}
		if diff := cmp.Diff(want, out); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i, diff)
		}
		h.pop()
	}
	rows.Covers(t, "ENV-RQ-01")
}

// Before silence is believed, the other worker must have said that it holds no
// packet from before the deadline.
func TestSilenceWaitsForOthers(t *testing.T) {
	r, d, owner, other := twoWorkers(t)
	w, o := r.e.workers[owner], r.e.workers[other]
	st := r.status(d)
	due := st.LastRx + session.Time(st.DetectionTime)

	r.now = due - ms
	r.ports[other].in = []Rx{r.rx(1, control(1, packet.Up, d))} // in time, but o does not run
	r.now = due
	next := w.Step(r.now)
	if st := r.status(d); st.State != packet.Up {
		t.Fatalf("%v while the other worker may hold a packet", st.State)
	}
	if next > due+ms {
		t.Errorf("looks again only after %d ns", next-due)
	}
	o.Step(r.now)
	w.Step(r.now + unjudgedRetry)
	if st := r.status(d); st.State != packet.Up || st.LastRx != due-ms {
		t.Errorf("the packet was in time: %v, last packet %d ns before the deadline", st.State, due-st.LastRx)
	}
}

// All the others are asked at once, and each once however many sessions wait.
func TestSilenceAsksAllOthersOnce(t *testing.T) {
	r := newRig(t, 4)
	var all []uint32
	for i := range 40 {
		all = append(all, r.add(p50, i))
	}
	r.step()
	for i, d := range all {
		r.up(d, i)
	}
	w := r.e.workers[0]
	wakes := make(map[int]int)
	r.e.wakeFn = func(i int) { wakes[i]++ }
	at := r.now
	for ; at < r.now+150*ms; at = min(w.Step(at), r.now+150*ms) {
	}
	clear(wakes)
	w.Step(at)
	if diff := cmp.Diff(map[int]int{1: 1, 2: 1, 3: 1}, wakes); diff != "" {
		t.Errorf("woken, and how often (-want +got):\n%s", diff)
	}
	for _, o := range r.e.workers[1:] {
		o.Step(at)
	}
	w.Step(at + unjudgedRetry)
	for i := range w.slots {
		if sl := &w.slots[i]; sl.used && sl.session.State() != packet.Down {
			t.Errorf("slot %d is %v though all have answered", i, sl.session.State())
		}
	}
}

// A worker that never answers does not stop detection.
func TestSilenceDoesNotWaitForEver(t *testing.T) {
	r, d, owner, _ := twoWorkers(t)
	w := r.e.workers[owner]
	st := r.status(d)
	due := st.LastRx + session.Time(st.DetectionTime)
	for at := r.now; ; {
		next := w.Step(at)
		if st, _ := w.Status(d, at); st.State == packet.Down {
			if late := at - due; late < unjudgedMax || late > unjudgedMax+unjudgedRetry {
				t.Errorf("believed after %d ns, want %d", late, unjudgedMax)
			}
			return
		}
		if next > due+2*unjudgedMax {
			t.Fatal("never believed")
		}
		at = max(next, at+1)
	}
}

// The frame is handed over and the horizon published between the two moments at
// which the owner looks: the horizon must count only for the frames that were
// in the ring when it was read.
func TestHorizonIsReadBeforeTheRing(t *testing.T) {
	r, d, owner, other := twoWorkers(t)
	w, o := r.e.workers[owner], r.e.workers[other]
	st := r.status(d)
	due := st.LastRx + session.Time(st.DetectionTime)

	r.now = due - ms
	late := r.rx(1, control(1, packet.Up, d))
	w.receive(due) // the owner has looked at the ring: nothing there
	r.ports[other].in = []Rx{late}
	o.Step(due)   // now the frame is handed over, and the horizon is past the deadline
	w.expire(due) // the owner goes on
	if st := r.status(d); st.State != packet.Up {
		t.Fatal("Down with the packet in the hand-off ring")
	}
	w.Step(due + unjudgedRetry)
	if st := r.status(d); st.State != packet.Up || st.LastRx != due-ms {
		t.Errorf("%v, last packet %d ns before the deadline", st.State, due-st.LastRx)
	}
}
