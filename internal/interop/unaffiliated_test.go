package interop

import (
	"fmt"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestUnaffiliated watches a host without any BFD, which only forwards (RFC
// 9747): up by our own packets, down when they come back no more, whatever
// reflects them with another TTL.
func TestUnaffiliated(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			wire := newTap(t, b, packet.PortEcho, packet.PortControl)
			d := start(t, a, echoSources+fmt.Sprintf("peers: [{peer: %q, local-address: %q, unaffiliated-echo: true, transmit-interval: %v, detect-multiplier: %d}]\n",
				f.of(b), f.of(a), echoInterval, mult))
			to := f.of(b)
			time.Sleep(1500 * time.Millisecond)
			if s := d.session(t, to); s.State != "down" || s.Counters.Rx != 0 {
				t.Errorf("nothing is forwarded, and the session is %s after %+v", s.State, s.Counters)
			}
			b.forward(t, true)
			s := d.waitState(t, to, "up")
			if !s.Unaffiliated || s.RemoteDiscriminator != s.LocalDiscriminator || s.DetectionTime != mult*50_000 {
				t.Errorf("session %+v", s)
			}
			d.steady(t, to, time.Second)
			ourLoops(t, wire, a, b, f)
			rows.Covers(t, "9747-2-01", "9747-2-02", "9747-2-05", "9747-2-07", "9747-2-10", "9747-2-11", "9747-2-13", "9747-3-01")

			mark := wire.mark()
			b.forward(t, false)
			in := newInjector(t, b)
			back, _ := last(wire.all(0), func(s sighting) bool { return s.out })
			var down sighting
			eventually(t, patience, "our Down", func() (ok bool) {
				for _, ttl := range []uint8{255, 253, 64} {
					wrong := back.again()
					wrong.ttl = ttl
					in.send(t, wrong)
				}
				down, ok = first(wire.all(mark), func(s sighting) bool { return !s.out && s.State == packet.Down })
				return ok
			})
			const detection = mult * echoInterval
			came, _ := last(wire.all(0), func(s sighting) bool { return s.out && s.ttl == 254 })
			took := down.at - came.at
			t.Logf("Down %v after the last packet that came back, promised %v", took, detection)
			late := lateEchoes(wire.all(0), came.at, down.at)
			if down.Diag != packet.DiagEchoFailed || took < detection-wallClock || took > detection+late+lateness {
				t.Errorf("%v, %v after the last return, late by %v", down, took, late)
			}
			if n := d.status(t).Interfaces[0].Counters["ttl"]; n < 3 {
				t.Errorf("%d dropped for their TTL", n)
			}
			rows.Covers(t, "9747-2-06", "9747-2-12")
			b.forward(t, true)
			d.waitState(t, to, "up")
		})
	}
}

// ourLoops checks all that we sent: Control packets to ourselves, slow until Up.
func ourLoops(t testing.TB, wire *tap, a, b *host, f family) {
	t.Helper()
	var before sighting
	states := make(map[packet.State]int)
	for _, s := range wire.all(0) {
		if s.out {
			continue
		}
		if s.dstPort != packet.PortEcho || s.drop != packet.DropNone || s.ttl != 255 || s.src != f.source || s.dst != f.of(a) ||
			s.to != packet.MAC(b.MAC(t, b.ifname)) || s.DesiredMinTx != 1_000_000 || s.RequiredMinRx != 1_000_000 || s.RequiredMinEchoRx != 0 ||
			s.YourDiscr != 0 && s.YourDiscr != s.MyDiscr || s.State == packet.AdminDown {
			t.Errorf("xbfd sent %v", s)
		}
		// A change of state is told at once.
		if gap := s.at - before.at; before.at != 0 && s.State == before.State && s.State != packet.Up && gap < 700*time.Millisecond {
			t.Errorf("%v only %v after the one before", s, gap)
		}
		states[s.State]++
		before = s
	}
	if states[packet.Down] == 0 || states[packet.Init] == 0 || states[packet.Up] < 10 {
		t.Errorf("packets by state: %v", states)
	}
}
