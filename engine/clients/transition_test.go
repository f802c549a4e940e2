package clients_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// An event into which several changes were merged is taken apart again, as far
// as clients must hear of them.
func TestTransitions(t *testing.T) {
	const (
		off, down, ini, up = packet.AdminDown, packet.Down, packet.Init, packet.Up

		expiry, signalled, ours = packet.DiagControlExpiry, packet.DiagNeighborDown, packet.DiagAdminDown
	)
	change := func(at session.Time, from, to packet.State, diag packet.Diag, remote packet.State) engine.Change {
		return engine.Change{At: at, From: from, To: to, Diag: diag, Remote: remote}
	}
	failed := func(ev engine.Event, at session.Time, admin bool) engine.Event {
		ev.Failed, ev.Failure = true, engine.Failure{At: at, Diag: expiry, Admin: admin, LastRx: at - 3}
		if admin {
			ev.Failure.Diag = signalled
		}
		return ev
	}
	event := func(n uint32, from packet.State, c engine.Change) engine.Event {
		return engine.Event{Transitions: n, From: from, Change: c}
	}
	tests := []struct {
		name string
		ev   engine.Event
		want []engine.Change
	}{
		{"none", event(0, up, change(9, down, up, 0, up)), nil},
		{"one", event(1, down, change(9, down, ini, 0, down)), []engine.Change{change(9, down, ini, 0, down)}},
		{"bring-up", event(2, down, change(9, ini, up, 0, up)), []engine.Change{change(9, ini, up, 0, up)}},
		{
			"failure", failed(event(1, up, change(9, up, down, expiry, down)), 9, false),
			[]engine.Change{change(9, up, down, expiry, down)},
		},
		{
			"failure, then back", failed(event(3, up, change(9, ini, up, expiry, up)), 5, false),
			[]engine.Change{change(5, up, down, expiry, down), change(9, ini, up, expiry, up)},
		},
		{
			"failure and Init in one instant", failed(event(2, up, change(9, down, ini, expiry, down)), 9, false),
			[]engine.Change{change(9, up, down, expiry, down), change(9, down, ini, expiry, down)},
		},
		{
			"failure, Up, peer's AdminDown", failed(event(4, up, change(9, up, down, signalled, off)), 5, false),
			[]engine.Change{change(5, up, down, expiry, down), change(9, down, up, 0, up), change(9, up, down, signalled, off)},
		},
		{
			"up and failed", failed(event(3, down, change(9, up, down, expiry, down)), 9, false),
			[]engine.Change{change(6, down, up, 0, up), change(9, up, down, expiry, down)},
		},
		{
			"peer's AdminDown, then Init", failed(event(2, up, change(9, down, ini, signalled, down)), 5, true),
			[]engine.Change{change(5, up, down, signalled, off), change(9, down, ini, signalled, down)},
		},
		{
			"disabled", event(1, up, change(9, up, off, ours, up)),
			[]engine.Change{change(9, up, off, ours, up)},
		},
		{
			"disabled, then enabled", event(2, up, change(9, off, down, ours, down)),
			[]engine.Change{change(9, up, off, ours, up), change(9, off, down, ours, down)},
		},
		{
			"disabled, then Up", event(4, up, change(9, ini, up, ours, up)),
			[]engine.Change{change(9, up, off, ours, up), change(9, ini, up, ours, up)},
		},
		{
			"Up, then disabled", event(3, down, change(9, up, off, ours, up)),
			[]engine.Change{change(9, down, up, 0, up), change(9, up, off, ours, up)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []engine.Change
			evidence := 0
			tt.ev.RemoteCPI = true
			for _, tr := range clients.Transitions(&tt.ev) {
				got = append(got, tr.Change)
				if !tr.RemoteCPI {
					t.Errorf("%v: the peer's C bit is lost", tr.Change)
				}
				if tr.Evidence != nil {
					evidence++
					if *tr.Evidence != tt.ev.Failure || tr.At != tt.ev.Failure.At {
						t.Errorf("%v: evidence %+v", tr.Change, tr.Evidence)
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if want := tt.ev.Failed; (evidence == 1) != want {
				t.Errorf("evidence comes %d times", evidence)
			}
		})
	}
}

// AdminDown is told from a failure by states, not by an old diagnostic.
func TestAdministrative(t *testing.T) {
	const off, down, ini, up = packet.AdminDown, packet.Down, packet.Init, packet.Up
	tests := []struct {
		name     string
		from, to packet.State
		diag     packet.Diag
		remote   packet.State
		want     bool
	}{
		{"disabled", up, off, packet.DiagAdminDown, up, true},
		{"disabled for a failed path", up, off, packet.DiagPathDown, up, true},
		{"enabled", off, down, packet.DiagAdminDown, down, false},
		{"enabled, the peer disabled", off, down, packet.DiagAdminDown, off, true},
		{"peer disabled", up, down, packet.DiagNeighborDown, off, true},
		{"peer signals down", up, down, packet.DiagNeighborDown, down, false},
		{"held down", up, down, packet.DiagAdminDown, up, true},
		{"silence", up, down, packet.DiagControlExpiry, down, false},
		{"heard", down, ini, packet.DiagAdminDown, down, false},
		{"up", ini, up, packet.DiagAdminDown, up, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := clients.Transition{Change: engine.Change{From: tt.from, To: tt.to, Diag: tt.diag, Remote: tt.remote}}
			if got := tr.Administrative(); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// A peer that begins or ends AdminDown while we are Down changes what clients
// may do, though no state of ours has changed.
func TestPeersAdminDownAlone(t *testing.T) {
	ev := engine.Event{RemoteAdmin: true, Change: engine.Change{At: 3, From: packet.Up, To: packet.Down, Remote: packet.AdminDown}}
	got := clients.Transitions(&ev)
	if len(got) != 1 || got[0].From != packet.Down || got[0].To != packet.Down || !got[0].Administrative() {
		t.Errorf("got %+v, want one administrative transition from Down to Down", got)
	}
	if got := clients.Transitions(&engine.Event{SourceChanged: true}); got != nil {
		t.Errorf("got %+v of an event that concerns no client", got)
	}
}
