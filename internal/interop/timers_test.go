package interop

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestRetimeOurs changes the timers of a running session by a reload: a Poll
// Sequence tells the peer, and nothing flaps at either end.
func TestRetimeOurs(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		settled(t, d, b)
		for _, interval := range []time.Duration{200 * time.Millisecond, 100 * time.Millisecond} {
			mark := wire.mark()
			must(t, d.reload(t, oneSession(b, interval, "")))
			want := uint32(interval.Microseconds())
			poll := wire.wait(t, mark, "a Poll with the new intervals", func(s sighting) bool {
				return !s.out && s.Poll && s.DesiredMinTx == want && s.RequiredMinRx == want
			})
			wire.wait(t, mark, "the peer's Final", func(s sighting) bool { return s.out && s.Final && s.at > poll.at })
			settled(t, d, b)
			eventually(t, patience, "the peer runs the new intervals", func() bool {
				v := peer.views(t)[a.v4]
				return v.tx == interval && v.detect == mult*interval
			})
			if s := d.session(t, b.v4); s.NegotiatedTx != want || s.DetectionTime != uint64(mult*want) || s.Counters.Down != 0 {
				t.Errorf("after the reload: %+v", s)
			}
		}
		if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the peer shows %+v", v)
		}
		noPollAndFinal(t, wire)
		rows.Covers(t, "5880-6.8.3-01", "5880-6.8.3-02", "5880-6.8.7-03", "5880-6.5-03")
	})
}

// TestRetimePeer changes the timers at the peer: we answer its Poll and follow.
func TestRetimePeer(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		settled(t, d, b)
		for _, interval := range []time.Duration{200 * time.Millisecond, 100 * time.Millisecond} {
			mark := wire.mark()
			peer.retime(t, interval)
			want := uint32(interval.Microseconds())
			eventually(t, patience, "we run the peer's new intervals", func() bool {
				s := d.session(t, b.v4)
				return s.NegotiatedTx == want && s.DetectionTime == uint64(mult*want) && s.RemoteRequiredMinRx == want
			})
			poll := wire.wait(t, mark, "the peer's Poll", func(s sighting) bool { return s.out && s.Poll })
			wire.wait(t, mark, "our Final", func(s sighting) bool { return !s.out && s.Final && s.at > poll.at })
		}
		if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 {
			t.Errorf("session %+v", s)
		}
		if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the peer shows %+v", v)
		}
		noPollAndFinal(t, wire)
		rows.Covers(t, "5880-6.8.6-20", "5880-6.8.6-24", "5880-6.8.6-28", "5880-6.8.7-04")
	})
}

// settled waits until no Poll Sequence of ours runs.
func settled(t testing.TB, d *daemon, b *host) {
	t.Helper()
	eventually(t, patience, "no Poll runs", func() bool { return d.session(t, b.v4).Poll == "none" })
}

// noPollAndFinal looks at all that xbfd sent: what must be in every packet.
func noPollAndFinal(t testing.TB, wire *tap) {
	t.Helper()
	ports := make(map[uint16]bool)
	for _, s := range wire.all(0) {
		if s.out {
			continue
		}
		ports[s.srcPort] = true
		slow := s.State == packet.Up || s.DesiredMinTx >= 1_000_000
		if s.drop != packet.DropNone || s.Poll && s.Final || s.Multipoint || s.Auth || s.CPI || s.Demand ||
			s.ttl != 255 || s.srcPort < 49152 || s.Length != packet.ControlLen || !slow {
			t.Errorf("xbfd sent %v", s)
		}
	}
	if len(ports) != 1 {
		t.Errorf("source ports %v, want one", ports)
	}
	rows.Covers(t, "5880-6.8.7-05", "5880-4.1-01", "5880-4.1-02", "5881-5-01", "5881-4-01", "5881-4-02", "5881-4-03",
		"5880-6.8.7-07", "5880-6.8.7-10", "5880-6.8.3-05")
}
