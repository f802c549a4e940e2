package interop

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// TestSignals gives a running session, by the command line, what only somebody
// outside can know, and looks at what the peer is told.
func TestSignals(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 100 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		settled(t, d, b)
		to := b.v4.String()
		said := func(mark int, what string, wanted func(sighting) bool) sighting {
			t.Helper()
			return wire.wait(t, mark, what, func(s sighting) bool { return !s.out && wanted(s) })
		}

		mark := wire.mark()
		d.do(t, "session", "poll", to)
		poll := said(mark, "our Poll", func(s sighting) bool { return s.Poll })
		wire.wait(t, mark, "the Final", func(s sighting) bool { return s.out && s.Final && s.at > poll.at })

		for _, diag := range []packet.Diag{packet.DiagConcatPathDown, packet.DiagReverseConcat, packet.DiagNone} {
			mark = wire.mark()
			d.do(t, "session", "diag", to, diag.String())
			if s := said(mark, "the diagnostic", func(s sighting) bool { return s.Diag == diag }); s.State != packet.Up {
				t.Errorf("%v", s)
			}
		}
		if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the peer shows %+v", v)
		}
		d.steady(t, b.v4, 0)
		rows.Covers(t, "5880-6.8.17-01")

		mark = wire.mark()
		d.do(t, "session", "diag", to, "forwarding-reset")
		if s := said(mark, "our Down", func(s sighting) bool { return s.State == packet.Down }); s.Diag != packet.DiagForwardingReset {
			t.Errorf("%v", s)
		}
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		rows.Covers(t, "5880-6.8.15-01")

		mark = wire.mark()
		d.do(t, "session", "diag", to, "path-down")
		if s := said(mark, "our AdminDown", func(s sighting) bool { return s.State == packet.AdminDown }); s.Diag != packet.DiagPathDown {
			t.Errorf("%v", s)
		}
		time.Sleep(time.Second)
		if s := d.session(t, b.v4); s.State != "admin-down" || s.Diagnostic != "path-down" {
			t.Errorf("session %+v", s)
		}
		d.do(t, "session", "diag", to, "none")
		d.waitState(t, b.v4, "up")
		rows.Covers(t, "5880-6.8.16-05")
	})
}

// TestHoldDown keeps a session Down by the command line: the peer is answered,
// but nothing comes up until it is let go.
func TestHoldDown(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 100 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		d.do(t, "session", "set", b.v4.String(), "--hold-down")
		d.waitState(t, b.v4, "down")
		mark := wire.mark()
		time.Sleep(2500 * time.Millisecond)
		ours := 0
		for _, s := range wire.all(mark) {
			switch {
			case s.out:
			case s.State == packet.Down:
				ours++
			default:
				t.Errorf("we said %v", s)
			}
		}
		s := d.session(t, b.v4)
		if !s.HoldDown || s.State != "down" || s.Counters.Up != 1 || ours < 2 {
			t.Errorf("%d packets; session %+v", ours, s)
		}
		if peer.views(t)[a.v4].up {
			t.Error("the peer is up")
		}
		d.do(t, "session", "set", b.v4.String(), "--hold-down=false")
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		rows.Covers(t, "5880-FSM-19")
	})
}

// TestStrict lets the peer's packets arrive on another interface: the
// discriminator finds the session, unless that insists on its interface.
func TestStrict(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	const a2, b2 = "a2", "b2"
	testnet.Veth(t, a.NS, a2, b.NS, b2, netns.VethOptions{})
	a.AddAddr(t, a2, "198.18.0.1/24")
	b.AddAddr(t, b2, "198.18.0.2/24")
	a.filter(t, false)
	a.Sysctl(t, "net/ipv4/conf/a2/rp_filter", "0")
	p := newTester(t, b, a, 50*time.Millisecond)
	// The other session only makes xbfd listen on a2.
	d := start(t, a, oneSession(b, 50*time.Millisecond, "")+"  - {peer: 198.18.0.2}\n")
	p.talk(t, 40*time.Millisecond)
	d.waitState(t, b.v4, "up")
	settled(t, d, b)

	p.silence()
	in := newInjector(t, &host{NS: b.NS, ifname: b2})
	say := p.change(func(*packet.Control) {})
	payload := make([]byte, packet.ControlLen)
	say.Put(payload)
	elsewhere := datagram{
		mac: packet.MAC(b.MAC(t, b2)), to: packet.MAC(a.MAC(t, a2)), src: b.v4, dst: a.v4,
		srcPort: 49152, dstPort: packet.PortControl, ttl: 255, payload: payload,
	}
	for range 40 {
		in.send(t, elsewhere)
		time.Sleep(40 * time.Millisecond)
	}
	d.steady(t, b.v4, 0)
	d.do(t, "session", "set", b.v4.String(), "--strict-interface")
	eventually(t, patience, "the session fails", func() bool {
		in.send(t, elsewhere)
		return d.session(t, b.v4).State == "down"
	})
	if s := d.session(t, b.v4); s.Diagnostic != "control-expiry" || s.Counters.RxDiscarded["wrong_interface"] == 0 {
		t.Errorf("session %s, %+v", s.Diagnostic, s.Counters)
	}
	rows.Covers(t, "5880-6.3-03")
}
