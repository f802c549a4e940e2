package engine

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
)

// A worker that comes late has a great many packets to send, and gives a port no
// more of them in one go than the other end of a veth takes.
func TestFlushInParts(t *testing.T) {
	const n = 1000
	r := newRig(t, 1)
	for i := range n {
		r.add(session.Params{DesiredMinTx: 100_000, RequiredMinRx: 100_000, DetectMult: 3}, i)
	}
	r.step()
	r.now += sec
	p := r.ports[0]
	p.out = nil
	for r.step() <= r.now {
	}
	if len(p.out) != n || p.most > flushMost || p.flushes < n/flushMost {
		t.Errorf("%d packets by %d flushes, %d at most", len(p.out), p.flushes, p.most)
	}
}

// The grid becomes as fine as it must be and no finer, and coarse again.
func TestGrid(t *testing.T) {
	const grain = 1 << 19 // of 10 ms
	var g grid
	now := session.Time(0)
	for _, tt := range []struct {
		rate int // packets a second
		want session.Grid
	}{
		{100, 0}, {280_000, 0}, {340_000, 1}, {571_000, 1}, {700_000, 2}, {5_000_000, 5}, {50_000_000, gridFinest}, {1_000, 0},
	} {
		for end := now + 3*gridWindow; now < end; now += sec / session.Time(tt.rate) {
			g.note(grain, now)
		}
		if g.fine != tt.want {
			t.Errorf("%d packets a second: grid %d, want %d", tt.rate, g.fine, tt.want)
		}
	}
	now += 10 * sec // silence: one packet after it says nothing of crowds
	if g.note(grain, now); g.fine != 0 {
		t.Errorf("grid %d after silence", g.fine)
	}
}
