package engine

import (
	"testing"

	"github.com/xbfd/xbfd/packet"
)

// fails lets the session with peer 1 fail for want of packets and returns what is
// told of that.
func (r *rig) fails(d uint32) Failure {
	r.t.Helper()
	r.run(200 * ms)
	for _, ev := range r.take() {
		if ev.Discr == d && ev.Failed {
			return ev.Failure
		}
	}
	r.t.Fatal("it has not failed")
	return Failure{}
}

// A failure tells how many frames were lost since the session's last packet, and
// not of those lost before.
func TestFailureTellsOfLosses(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after uint64
		want          uint64
	}{
		{"none", 0, 0, 0},
		{"long ago", 100, 0, 0},
		{"since the last packet", 100, 7, 7},
	} {
		r := newRig(t, 1)
		d := r.add(p50, 1)
		r.step()
		r.ports[0].lost = tt.before
		r.up(d, 1)
		for range 20 {
			r.now += 40 * ms
			r.hear(0, r.rx(1, control(1, packet.Up, d)))
		}
		r.take()
		r.run(50 * ms)
		r.ports[0].lost += tt.after
		f := r.fails(d)
		if f.Lost != tt.want || f.LostWithin < f.DetectionTime || f.LostWithin > f.DetectionTime+int64(lossEvery+40*ms) {
			t.Errorf("%s: %d lost within %d ns, want %d", tt.name, f.Lost, f.LostWithin, tt.want)
		}
	}
}

// What another worker had no room for counts too: the session's packets may have
// come to it.
func TestLossesOfOtherWorkers(t *testing.T) {
	r := newRig(t, 2)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	r.run(ms)
	r.take()
	owner, _ := r.e.key.find(d)
	r.ports[1-owner].lost = 5
	r.e.workers[1-owner].drops[packet.DropHandoffFull] = 3
	r.now += 100 * ms
	for _, w := range r.e.workers {
		w.loss.due = r.now
	}
	if f := r.fails(d); f.Lost != 8 {
		t.Errorf("%d lost, want 8", f.Lost)
	}
}

// A port that goes takes nothing with it, and one that comes brings nothing of what
// it had lost before.
func TestLossesOfPortsThatGo(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	r.take()
	r.ports[0].lost = 4
	r.run(110 * ms)
	r.e.workers[0].detach(ifindex, r.now)
	p := &port{lost: 1000}
	r.e.AttachPort(0, ifindex, p)
	r.step()
	p.lost += 2
	if f := r.fails(d); f.Lost != 6 {
		t.Errorf("%d lost, want 6", f.Lost)
	}
}

// The kernel is asked ten times a second, and once for all sessions that fail
// together.
func TestLossesAreAskedForRarely(t *testing.T) {
	r := newRig(t, 1)
	var all []uint32
	for i := range 50 {
		all = append(all, r.add(p50, i))
	}
	r.step()
	for i, d := range all {
		r.up(d, i)
	}
	r.take()
	p := r.ports[0]
	p.asked = 0
	r.now += 149 * ms
	for range 100 {
		r.step()
	}
	if p.asked != 1 {
		t.Errorf("asked %d times in an instant", p.asked)
	}
	r.now += 10 * ms
	r.step()
	failed := 0
	for _, ev := range r.take() {
		if ev.Failed {
			failed++
		}
	}
	if failed != 50 || p.asked != 2 {
		t.Errorf("asked %d times for %d failures", p.asked, failed)
	}
	p.asked = 0
	r.run(10 * sec)
	if p.asked < 50 || p.asked > 101 {
		t.Errorf("asked %d times in 10 s", p.asked)
	}
}
