package engine

import (
	"errors"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// gone runs until the session's slot is free, and says how long that took.
func (r *rig) gone(discr uint32) session.Time {
	r.t.Helper()
	from := r.now
	for r.now < from+100*sec {
		for _, e := range r.take() {
			if e.Discr == discr && e.Gone {
				return r.now - from
			}
		}
		r.run(10 * ms)
	}
	r.t.Fatal("never gone")
	return 0
}

// A removed session says AdminDown at once and for as long as its peer would
// wait for it, then nothing.
func TestRemove(t *testing.T) {
	tests := []struct {
		name     string
		mult     uint8
		hold     session.Time
		min, max session.Time
	}{
		{"the peer's detection time", 100, 0, 5 * sec, 5*sec + 20*ms},
		{"hold is longer", 3, 4 * sec, 4 * sec, 4*sec + 20*ms},
		{"hold is shorter", 100, sec, 5 * sec, 5*sec + 20*ms},
		{"bounded", 255, 1000 * sec, 60 * sec, 60*sec + 20*ms},
		{"at once", 3, -1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 1)
			p := p50
			p.DetectMult = tt.mult
			d := r.add(p, 1)
			r.step()
			r.up(d, 1)
			r.take()
			r.ports[0].out = nil
			if err := r.e.Remove(d, int64(tt.hold)); err != nil {
				t.Fatal(err)
			}
			r.step()
			first := r.ports[0].sent(t)
			if tt.hold < 0 {
				if len(first) != 0 {
					t.Errorf("%d packets of a session freed at once", len(first))
				}
			} else if len(first) != 1 || first[0].State != packet.AdminDown || first[0].Diag != packet.DiagAdminDown {
				t.Errorf("first packets %+v", first)
			}
			took := r.gone(d)
			if took < tt.min || took > tt.max {
				t.Errorf("gone after %v s, want %v to %v", float64(took)/1e9, float64(tt.min)/1e9, float64(tt.max)/1e9)
			}
			rest := r.ports[0].sent(t)
			for _, s := range rest {
				if s.State != packet.AdminDown {
					t.Errorf("a packet with state %v during removal", s.State)
				}
			}
			if n := session.Time(len(rest)); n > took/(750*ms) || n < took/sec-1 {
				t.Errorf("%d more packets in %v s", n, float64(took)/1e9)
			}
			r.run(3 * sec)
			if len(r.ports[0].out) != 0 {
				t.Error("packets of a session that is gone")
			}
			if _, err := r.e.Status(t.Context(), d); !errors.Is(err, ErrUnknown) {
				t.Errorf("status of a session that is gone: %v", err)
			}
			rows.Covers(t, "5880-6.8.16-03", "5880-6.8.16-06", "5882-8-01")
		})
	}
}

// Nobody waits for a session that heard nobody.
func TestRemoveUnheard(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	if err := r.e.Remove(d, int64(10*sec)); err != nil {
		t.Fatal(err)
	}
	if took := r.gone(d); took > 20*ms {
		t.Errorf("took %v s", float64(took)/1e9)
	}
}

// While a session is being removed it takes no orders, and its peer's new
// packets are not its own.
func TestRemoving(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	if err := r.e.Remove(d, int64(5*sec)); err != nil {
		t.Fatal(err)
	}
	r.step()
	for name, err := range map[string]error{
		"Remove": r.e.Remove(d, 0), "Configure": r.e.Configure(d, p50),
		"SetPath": r.e.SetPath(d, pathTo(2)), "ClearPath": r.e.ClearPath(d),
	} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%s of a session being removed: %v", name, err)
		}
	}
	r.hear(0, r.rx(1, control(1, packet.Down, 0)))
	if got := r.drops()[packet.DropNoSession]; got != 1 {
		t.Errorf("a packet without discriminator found a session being removed")
	}
	st := r.status(d)
	if !st.Removal || st.State != packet.AdminDown {
		t.Errorf("removal %v, %v", st.Removal, st.State)
	}
}

// A new session on the same path silences the old one, which is still saying
// AdminDown, wherever it runs.
func TestNewSessionEndsRemoval(t *testing.T) {
	for _, workers := range []int{1, 2} {
		r := newRig(t, workers)
		old := r.add(p50, 1)
		r.step()
		r.up(old, 1)
		if err := r.e.Remove(old, int64(30*sec)); err != nil {
			t.Fatal(err)
		}
		r.step()
		d := r.add(p50, 1)
		r.step()
		for _, p := range r.ports {
			p.out = nil
		}
		r.run(5 * sec)
		for _, p := range r.ports {
			for _, s := range p.sent(t) {
				if s.MyDiscr != d {
					t.Errorf("%d workers: the old session still sends", workers)
				}
			}
		}
		if took := r.gone(old); took > 0 {
			t.Errorf("%d workers: old session gone only after %d ns", workers, took)
		}
	}
}

// A freed slot is used again, with another discriminator, and what comes for
// the former one does not reach it.
func TestSlotReuse(t *testing.T) {
	r := newRig(t, 1)
	seen := make(map[uint32]bool)
	former := make(map[uint32]uint32) // slot: its last discriminator
	reused := 0
	for range 3 * minFree {
		d := r.add(p50, 1)
		if seen[d] || d == 0 {
			t.Fatalf("discriminator %#x again", d)
		}
		seen[d] = true
		r.step()
		_, slot := r.e.key.find(d)
		if old, ok := former[slot]; ok {
			reused++
			r.hear(0, r.rx(1, control(1, packet.Up, old)))
			if st := r.status(d); st.Remote.Discr != 0 || st.Counters != (Counters{Tx: st.Counters.Tx}) || st.Discards != (Discards{}) {
				t.Fatalf("slot %d: heard a packet for %#x: %+v", slot, old, st.Counters)
			}
		}
		former[slot] = d
		r.up(d, 1)
		far := r.rx(1, control(1, packet.Up, d))
		far.TTL = 64
		r.hear(0, far)
		if err := r.e.Remove(d, -1); err != nil {
			t.Fatal(err)
		}
		r.step()
		r.take()
	}
	if reused == 0 || len(former) < minFree || len(former) > minFree+2 {
		t.Errorf("%d slots for one session at a time, %d reused; %d should rest", len(former), reused, minFree)
	}
	if n := len(r.e.sessions) + len(r.e.leaving) + r.e.bound.Len() + r.e.workers[0].paths.len(); n != 0 {
		t.Errorf("%d entries left behind", n)
	}
}
