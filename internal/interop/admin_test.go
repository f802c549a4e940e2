package interop

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestPeerAdminDown shuts the session down at FRR, whose AdminDown carries
// diagnostic 0: for us it is over, but no failure.
func TestPeerAdminDown(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	wire := newTap(t, b)
	peer := startFRR(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
	d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
	d.waitState(t, b.v4, "up")
	waitPeerUp(t, peer, 1)
	settled(t, d, b)

	mark := wire.mark()
	peer.configure(t, towards(a, b)[0], "shutdown")
	said := wire.wait(t, mark, "the peer's AdminDown", func(s sighting) bool { return s.out && s.State == packet.AdminDown })
	if said.Diag != packet.DiagNone {
		t.Errorf("FRR now says %v", said)
	}
	down := wire.wait(t, mark, "our Down", func(s sighting) bool { return !s.out && s.State == packet.Down })
	if down.Diag != packet.DiagNeighborDown || down.YourDiscr != said.MyDiscr || down.at-said.at >= mult*50*time.Millisecond {
		t.Errorf("%v after %v", down, said)
	}
	s := d.session(t, b.v4)
	if s.State != "down" || s.Diagnostic != "neighbor-down" || s.RemoteState != "admin-down" || s.LastChange.Cause != "remote-admin-down" {
		t.Errorf("session %+v, last change %+v", s, s.LastChange)
	}
	d.log.wrote(t, 1, `level=INFO .*to=down .*cause=remote-admin-down`)
	if warn := d.log.lines("level=WARN"); len(warn) != 0 {
		t.Errorf("warned %q", warn)
	}

	peer.configure(t, towards(a, b)[0], "no shutdown")
	d.waitState(t, b.v4, "up")
	waitPeerUp(t, peer, 1)
	rows.Covers(t, "5880-FSM-09", "5880-6.8.1-03", "5880-6.8.6-18", "5882-3.2-01")
}

// TestWeLeave stops xbfd: every peer hears AdminDown before the silence, and
// none finds out by a timeout.
func TestWeLeave(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 100 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		mark := wire.mark()
		if code := d.stop(t); code != 0 {
			t.Errorf("exit status %d", code)
		}
		var ours []sighting
		for _, s := range wire.all(mark) {
			switch {
			case !s.out && s.State == packet.AdminDown:
				ours = append(ours, s)
			case !s.out && len(ours) > 0:
				t.Errorf("after AdminDown we said %v", s)
			case s.out && s.State == packet.Down && s.Diag != packet.DiagNeighborDown:
				t.Errorf("the peer says %v", s)
			}
		}
		if len(ours) == 0 || ours[0].Diag != packet.DiagAdminDown || ours[0].YourDiscr == 0 {
			t.Fatalf("we said %v", ours)
		}
		heard := wire.wait(t, mark, "the peer's Down", func(s sighting) bool { return s.out && s.State == packet.Down })
		if heard.at-ours[0].at >= mult*100*time.Millisecond {
			t.Errorf("%v came a detection time after %v", heard, ours[0])
		}
		rows.Covers(t, "5880-6.8.16-01", "5880-6.8.16-07")
	})
}

// TestShutdownByReload takes a session down and up again by the file.
func TestShutdownByReload(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 100 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		mark := wire.mark()
		must(t, d.reload(t, oneSession(b, 100*time.Millisecond, ", shutdown: true")))
		s := d.waitState(t, b.v4, "admin-down")
		if s.Diagnostic != "admin-down" || s.LastChange.Cause != "admin-down" {
			t.Errorf("session %+v, last change %+v", s, s.LastChange)
		}
		eventually(t, patience, "the peer has noticed", func() bool { return !peer.views(t)[a.v4].up })
		told, _ := first(wire.all(mark), func(s sighting) bool { return !s.out && s.State == packet.AdminDown })
		heard := wire.wait(t, mark, "the peer's Down", func(s sighting) bool { return s.out && s.State == packet.Down })
		if heard.Diag != packet.DiagNeighborDown || heard.at-told.at >= mult*100*time.Millisecond {
			t.Errorf("%v, told by %v", heard, told)
		}
		must(t, d.reload(t, oneSession(b, 100*time.Millisecond, "")))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		back, _ := first(wire.all(mark), func(s sighting) bool { return !s.out && s.at > told.at && s.State != packet.AdminDown })
		if back.State != packet.Down || back.Diag != packet.DiagAdminDown {
			t.Errorf("first packet after the shutdown: %v", back)
		}
		if n := d.session(t, b.v4).Counters; n.AdminDown != 1 || n.Down != 1 || n.Up != 2 {
			t.Errorf("counters %+v", n)
		}
		rows.Covers(t, "5880-6.8.16-01", "5880-6.8.16-02", "5880-FSM-16", "5880-FSM-17")
	})
}
