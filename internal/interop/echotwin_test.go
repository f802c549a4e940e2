package interop

import (
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
)

// TestEchoTwins runs echo in both directions between two xbfd over either family
// at once, returned by the rings or by the XDP programs of both ends. A source
// that is taken away and given back stops and starts it without a flap.
func TestEchoTwins(t *testing.T) {
	t.Parallel()
	for _, loop := range []string{"ring", "xdp"} {
		t.Run(loop, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			config := func(here, there *host) string {
				v4, v6 := echoSession(here, there, families[0], ""), echoSession(here, there, families[1], "")
				return "interfaces: [{name: " + here.ifname + ", echo-loop: " + loop + "}]\n" + v4 + v6[strings.Index(v6, "  - "):]
			}
			da, db := start(t, a, config(a, b)), start(t, b, config(b, a))
			both := func(check func(d *daemon, there *host, f family)) {
				for _, f := range families {
					check(da, b, f)
					check(db, a, f)
				}
			}
			both(func(d *daemon, there *host, f family) {
				d.waitEcho(t, f.of(there), "active")
				s := d.waitReturns(t, f.of(there), 10)
				checkRTT(t, s.Echo)
				if s.Echo.Loop.State != "ready" || (s.Echo.Loop.Looped != 0) != (loop == "ring") {
					t.Errorf("looping is %+v", s.Echo.Loop)
				}
			})
			if n := da.status(t).Interfaces[0].Counters["echo_looped"]; (n != 0) != (loop == "xdp") {
				t.Errorf("XDP looped %d echoes", n)
			}
			sourceLive(t, da, b)
			both(func(d *daemon, there *host, f family) { d.steady(t, f.of(there), 0) })
			rows.Covers(t, "5880-6.4-01", "5880-6.8.13-01", "5881-4-14", "5880-6.4-03")
		})
	}
}

// sourceLive takes the echo source from a running daemon and gives it back.
func sourceLive(t testing.TB, d *daemon, there *host) {
	t.Helper()
	d.do(t, "echo-source", "del")
	for _, f := range families {
		s := d.waitEcho(t, f.of(there), "no-source")
		if s.Echo.Interval != 0 || !strings.HasPrefix(s.Echo.Reason, "not sent: ") {
			t.Errorf("without a source: %+v", s.Echo)
		}
		// Control packets guard the path again.
		eventually(t, patience, "required interval is as configured", func() bool {
			s := d.session(t, f.of(there))
			return s.RequiredMinRx == 50_000 && s.Poll == "none"
		})
	}
	d.do(t, "echo-source", "set", "--address", "10.10.10.9,2001:db8:10::9")
	for _, f := range families {
		d.waitEcho(t, f.of(there), "active")
		if s := d.waitReturns(t, f.of(there), 5); s.Echo.Source == f.source || !strings.HasSuffix(s.Echo.Source.String(), "9") {
			t.Errorf("source %v", s.Echo.Source)
		}
	}
}

// checkRTT compares what is shown of round trips with itself.
func checkRTT(t testing.TB, e control.Echo) {
	t.Helper()
	var sum uint64
	for _, b := range e.RTT.Histogram {
		sum += b.Count
	}
	r := e.RTT
	if r.Count == 0 || sum != r.Count || r.Count != e.Returned || r.Min <= 0 || r.Min > r.Avg || r.Avg > r.Max || r.Last < r.Min || r.Last > r.Max ||
		e.Returned > e.Sent {
		t.Errorf("round trips %+v of %d sent and %d returned", r, e.Sent, e.Returned)
	}
}

// TestEchoBIRD: BIRD 2.0.12 takes no echoes and says so by a Required Min Echo RX
// of 0; then there are none, and nothing is missing.
func TestEchoBIRD(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	wire := newTap(t, b)
	peer := startBIRD(t, b, speech{sessions: towards(a, b), interval: echoInterval, mult: mult})
	d := start(t, a, echoSession(a, b, families[0], ""))
	d.waitEcho(t, b.v4, "unwanted")
	waitPeerUp(t, peer, 1)
	s := d.steady(t, b.v4, time.Second)
	if s.Echo.Sent != 0 || s.Echo.Reason != "not sent: the peer's Required Min Echo RX is 0" || s.RequiredMinRx != 50_000 || s.DetectionTime != mult*50_000 {
		t.Errorf("session %+v", s)
	}
	for _, s := range wire.all(0) {
		if s.out && s.RequiredMinEchoRx != 0 {
			t.Fatalf("BIRD says %v", s)
		}
	}
	rows.Covers(t, "5880-6.8.9-02")
}
