package interop

import (
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestPeerStops freezes the peer: we say Down with diagnostic 1 when its
// multiplier times the interval has passed since its last packet, by the
// kernel's stamps on the link, and come back when it does.
func TestPeerStops(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 50*time.Millisecond, ", detect-multiplier: 50"))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		settled(t, d, b)

		mark := wire.mark()
		peer.signal(t, syscall.SIGSTOP)
		down := wire.wait(t, mark, "our Down", func(s sighting) bool { return !s.out && s.State == packet.Down })
		const detection = mult * 50 * time.Millisecond
		heard, ok := last(wire.all(0), func(s sighting) bool { return s.out && s.at < down.at })
		silent := down.at - heard.at
		s := d.session(t, b.v4)
		late := lateness + stalled(s)
		t.Logf("Down %v after the peer's last packet, promised %v", silent, detection)
		if !ok || silent < detection-wallClock || silent > detection+late {
			t.Errorf("want it between %v and %v", detection, detection+late)
		}
		if down.Diag != packet.DiagControlExpiry || down.YourDiscr != 0 {
			t.Errorf("first packet after the failure: %v", down)
		}
		if s.State != "down" || s.Diagnostic != "control-expiry" || s.LastChange.Cause != "control-expiry" || s.Counters.Down != 1 {
			t.Errorf("session %+v, last change %+v", s, s.LastChange)
		}
		d.log.wrote(t, 1, `level=WARN .*from=up to=down diag=control-expiry cause=control-expiry silent=[1-9]\S*s detection-time=1s`)

		peer.signal(t, syscall.SIGCONT)
		s = d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		if s.Counters.Up != 2 || s.Diagnostic != "control-expiry" {
			t.Errorf("after the recovery: %+v", s)
		}
		rows.Covers(t, "5880-6.8.4-01", "5880-6.8.4-03", "5880-FSM-14", "5880-6.8.1-02", "5880-6.8.7-01", "5880-6.8.7-29",
			"5880-6.8.1-16", "5880-6.8.7-09")
	})
}

// Bounds of what is measured between two stamps. The stamps are of the wall
// clock, which may be slewed against the one that xbfd counts on. How late a
// busy machine lets us run is measured elsewhere, on an idle one; here xbfd says it.
const (
	wallClock = 500 * time.Microsecond
	lateness  = 250 * time.Millisecond
)

// stalled is how late xbfd says that it was when a session went down.
func stalled(s control.Session) time.Duration {
	if e := s.LastChange.Evidence; e != nil && e.Stalled != nil {
		return time.Duration(*e.Stalled) * time.Microsecond
	}
	return 0
}

// TestPeerRestarts kills the peer and starts it again long before its silence
// could be noticed: its new instance's first Down, which knows no discriminator
// of ours, is what takes the session down, and up again.
func TestPeerRestarts(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 100 * time.Millisecond, mult: 200})
		d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		before := d.session(t, b.v4)
		if before.DetectionTime != 20_000_000 {
			t.Fatalf("detection time %d µs", before.DetectionTime)
		}
		killed := time.Now()
		peer.kill(t)
		peer.revive(t)
		var after = before
		eventually(t, patience, "up with the new instance", func() bool {
			after = d.session(t, b.v4)
			return after.State == "up" && after.Counters.Up == 2
		})
		took := time.Since(killed)
		t.Logf("up with the new instance %v after the old one's end", took)
		if took > 16*time.Second {
			t.Error("that is hardly before the detection time")
		}
		if after.RemoteDiscriminator == before.RemoteDiscriminator || after.LocalDiscriminator != before.LocalDiscriminator {
			t.Errorf("discriminators %+v before, %+v after", before, after)
		}
		if after.Diagnostic != "neighbor-down" || after.Counters.Down != 1 {
			t.Errorf("session %+v", after)
		}
		waitPeerUp(t, peer, 1)
		rows.Covers(t, "5880-6.8.6-11", "5880-6.8.6-12", "5880-6.8.6-17", "5880-FSM-10", "5880-6.8.1-15", "5881-3-03")
	})
}

// TestPassive takes the passive role: silent until the peer speaks, and again
// when it has gone.
func TestPassive(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		d := start(t, a, oneSession(b, 50*time.Millisecond, ", passive-mode: true"))
		time.Sleep(1500 * time.Millisecond)
		if n := wire.mark(); n != 0 {
			t.Errorf("%d packets sent although nothing was heard", n)
		}
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		if s := d.waitState(t, b.v4, "up"); s.Role != "passive" {
			t.Errorf("role %s", s.Role)
		}
		waitPeerUp(t, peer, 1)
		if list := wire.all(0); len(list) == 0 || !list[0].out {
			t.Errorf("the first packet was not the peer's: %v", list)
		}
		peer.kill(t)
		d.waitState(t, b.v4, "down")
		mark := wire.mark()
		time.Sleep(1500 * time.Millisecond)
		if list := wire.all(mark); len(list) > 1 { // the Down itself may come after the mark
			t.Errorf("sent %v to a peer that is gone", list)
		}
		rows.Covers(t, "5880-6.1-02", "5880-6.1-03", "5880-6.8.7-17", "9468-2-05")
	})
}

// TestPassivePeer meets a peer that waits for us to speak.
func TestPassivePeer(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult, passive: true})
		d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		rows.Covers(t, "5880-6.1-01", "5881-3-01")
	})
}

// TestNobodyIsLetInUnasked: a peer that nobody has configured gets no session, however
// long it speaks, and no answer; its packets are counted.
func TestNobodyIsLetInUnasked(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	wire := newTap(t, b)
	start(t, b, oneSession(a, 50*time.Millisecond, ""))
	d := start(t, a, "peers: [{peer: 192.0.2.77, interface: a, passive-mode: true}]\n")
	eventually(t, patience, "packets of nobody's are counted", func() bool { return d.status(t).RxDiscarded["no_session"] > 1 })
	if list := d.sessions(t); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}
	for _, s := range wire.all(0) {
		if !s.out {
			t.Errorf("answered: %v", s)
		}
	}
	rows.Covers(t, "9468-2-01")
}
