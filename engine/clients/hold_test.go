package clients_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// newHeld returns a rig whose session is Up, with a client that waits 500 ms and
// one that does not, and everything so far taken.
func newHeld(t *testing.T) *rig {
	r := newRig(t)
	r.now = 1000 * ms
	r.join("patient", patient)
	r.join("bgp", protocol)
	r.comesUp()
	r.got = nil
	return r
}

// An outage shorter than the hold-off is hidden from the client that asked for
// it, and from no other.
func TestShortOutage(t *testing.T) {
	r := newHeld(t)
	r.fails()
	if want := r.now + 500*ms; r.b.Deadline() != want {
		t.Errorf("deadline %d, want %d", r.b.Deadline(), want)
	}
	r.sees("patient", clients.View{State: packet.Up, AdjacencyAllowed: true})
	r.wait(300 * ms)
	r.heard()
	r.wait(199 * ms)
	r.up()
	if r.b.Deadline() != session.Never {
		t.Errorf("deadline %d with nothing held back", r.b.Deadline())
	}
	r.wait(1000 * ms)
	r.heardBy("patient")
	r.heardBy("bgp", failure, progress, up)
	rows.Covers(t, "5882-3.1-01")

	r.fails() // and the next one counts from its own start
	r.wait(499 * ms)
	r.heardBy("patient")
	r.wait(ms)
	r.heardBy("patient", failure)
	rows.Covers(t, "5882-3.1-02")
}

// One that lasts is told when the hold-off ends: what happened, when, and how
// things are now.
func TestLongOutage(t *testing.T) {
	tests := []struct {
		name string
		then func(*rig) // 100 ms after the failure
		want []clients.Kind
		view clients.View
	}{
		{"down", func(*rig) {}, []clients.Kind{failure}, clients.View{State: packet.Down, Failed: true}},
		{"on its way", (*rig).heard, []clients.Kind{failure, progress}, clients.View{State: packet.Init, Failed: true}},
		{
			"AdminDown here", (*rig).off, []clients.Kind{failure, admin},
			clients.View{State: packet.AdminDown, Admin: true, AdjacencyAllowed: true},
		},
		{
			"AdminDown at the peer", (*rig).peerOff, []clients.Kind{failure, admin},
			clients.View{State: packet.Down, Admin: true, AdjacencyAllowed: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newHeld(t)
			at := r.now
			r.fails()
			r.wait(100 * ms)
			tt.then(r)
			r.wait(399 * ms)
			r.heardBy("patient")
			r.take("bgp")
			r.wait(ms)
			want := engine.Change{At: at, From: packet.Up, To: packet.Down, Diag: packet.DiagControlExpiry, Remote: packet.Down}
			if len(r.got) == 0 {
				t.Fatal("nothing was told")
			}
			if diff := cmp.Diff(want, r.got[0].Change); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			r.heardBy("patient", tt.want...)
			r.sees("patient", tt.view)
			r.wait(1000 * ms)
			r.heardBy("patient")
			rows.Covers(t, "5882-3.1-02")
		})
	}
}

// What counts is when it happened, not when somebody read of it.
func TestReadLate(t *testing.T) {
	change := func(at session.Time, from, to packet.State) clients.Transition {
		return clients.Transition{Change: engine.Change{At: at, From: from, To: to, Diag: packet.DiagControlExpiry, Remote: packet.Down}}
	}
	tests := []struct {
		name string
		back session.Time
		want []clients.Kind
	}{
		{"back in time", 499 * ms, nil},
		{"back at the end", 500 * ms, []clients.Kind{failure, up}},
		{"back too late", 700 * ms, []clients.Kind{failure, up}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newHeld(t)
			at := r.now
			r.now += 5000 * ms
			r.got = r.b.Observe(key,
				change(at, packet.Up, packet.Down), change(at+tt.back, packet.Down, packet.Up))
			r.take("bgp")
			for _, n := range r.got {
				if want := n.Kind == failure; n.View.Failed != want || (n.View.State == packet.Up) == want {
					t.Errorf("%v comes with %+v", n.Kind, n.View)
				}
			}
			r.got = append(r.got, r.b.Expire(r.now)...)
			r.heardBy("patient", tt.want...)
			rows.Covers(t, "5882-3.1-01", "5882-3.1-02")
		})
	}
}

// AdminDown is told at once; to a client that depends on BFD it is an outage
// like any other.
func TestHoldOffAndAdminDown(t *testing.T) {
	r := newHeld(t)
	r.join("route", with(patient, func(w *clients.Wish) { w.DependsOnlyOnBFD = true }))
	r.peerOff()
	r.heardBy("patient", admin)
	r.heardBy("route")
	r.wait(500 * ms)
	r.heardBy("route", failure)
	rows.Covers(t, "5882-3.2-01", "5882-3.2-02", "5882-3.1-02")
}

// A client may change its mind, or leave, while a failure is held back from it.
func TestHoldOffChanges(t *testing.T) {
	tests := []struct {
		name string
		w    clients.Wish
		at   session.Time // after the failure
	}{
		{"longer", with(patient, func(w *clients.Wish) { w.HoldOff *= 2 }), 1000 * ms},
		{"shorter", with(patient, func(w *clients.Wish) { w.HoldOff /= 2 }), 250 * ms},
		{"longest there is", with(patient, func(w *clients.Wish) { w.HoldOff = 1<<63 - 1 }), session.Never},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newHeld(t)
			r.fails()
			start := r.now
			r.wait(100 * ms)
			r.join("patient", tt.w)
			if tt.at == session.Never {
				if r.b.Deadline() != session.Never {
					t.Errorf("deadline %d", r.b.Deadline())
				}
				return
			}
			r.wait(start + tt.at - r.now - 1)
			r.heardBy("patient")
			r.wait(1)
			r.heardBy("patient", failure)
		})
	}
	t.Run("none", func(t *testing.T) {
		r := newHeld(t)
		r.fails()
		r.wait(100 * ms)
		r.join("patient", protocol)
		r.wait(0)
		r.heardBy("patient", failure)
	})
	t.Run("leaves", func(t *testing.T) {
		r := newHeld(t)
		r.fails()
		r.b.Unregister(key, "patient")
		if r.b.Deadline() != session.Never {
			t.Error("a failure is held back from nobody")
		}
		r.wait(1000 * ms)
		r.heardBy("patient")
	})
	t.Run("no route any more", func(t *testing.T) {
		r := newHeld(t)
		r.join("patient", with(patient, func(w *clients.Wish) { w.DependsOnlyOnBFD = true }))
		r.peerOff()
		r.join("patient", patient)
		r.wait(500 * ms)
		r.heardBy("patient", admin)
	})
}

// Failures held back from several clients are told in the order in which they
// are due.
func TestHoldOrder(t *testing.T) {
	r := newRig(t)
	for owner, n := range map[string]int64{"c": 300, "a": 100, "b": 200} {
		r.join(owner, with(protocol, func(w *clients.Wish) { w.HoldOff = n * session.Millisecond }))
	}
	r.comesUp()
	r.got = nil
	r.fails()
	r.wait(1000 * ms)
	var order string
	for _, n := range r.got {
		order += n.Owner
	}
	if order != "abc" {
		t.Errorf("told in the order %q", order)
	}
}
