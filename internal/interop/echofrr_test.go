package interop

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// echoInterval is that of both ends in most tests of echo.
const echoInterval = 50 * time.Millisecond

// echoSession is the configuration of a session that sends echoes.
func echoSession(a, b *host, f family, more string) string {
	return echoSources + fmt.Sprintf("shutdown-hold: 500ms\npeers:\n"+
		"  - {peer: %q, local-address: %q, transmit-interval: %v, receive-interval: %[3]v, detect-multiplier: %d,"+
		" echo-mode: true, echo-transmit-interval: %[3]v, echo-receive-interval: %[3]v%[5]s}\n",
		f.of(b), f.of(a), echoInterval, mult, more)
}

func startEchoFRR(t testing.TB, a, b *host, f family) *frr {
	t.Helper()
	p := pairing{local: f.of(b), peer: f.of(a), ifname: b.ifname}
	peer := startFRR(t, b, speech{sessions: []pairing{p}, interval: echoInterval, mult: mult})
	ms := milliseconds(echoInterval)
	peer.configure(t, p, "echo-mode", "echo transmit-interval "+ms, "echo receive-interval "+ms)
	return peer
}

// echoes returns how many echoes FRR has sent, and how many came back.
func (f *frr) echoes(t testing.TB) (out, in int) {
	t.Helper()
	var list []struct {
		Out int `json:"echo-packet-output"`
		In  int `json:"echo-packet-input"`
	}
	must(t, json.Unmarshal([]byte(f.vtysh(t, "show bfd peers counters json")), &list))
	return list[0].Out, list[0].In
}

// TestEchoFRR: ours come back through the kernel of FRR's host, FRR's through our
// ring. When its kernel forwards no more, the session fails at both ends and
// comes back without echo; when it does again, echo runs again.
func TestEchoFRR(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			b.forward(t, true)
			wire, controls := newTap(t, b, packet.PortEcho), newTap(t, b)
			peer := startEchoFRR(t, a, b, f)
			d := start(t, a, echoSession(a, b, f, ""))
			to := f.of(b)
			d.waitEcho(t, to, "active")
			s := d.waitReturns(t, to, 10)
			if s.DetectionTime < 10_000_000 || s.Echo.DetectionTime != mult*50_000 || s.Echo.Loop.State != "ready" || s.Echo.Source != f.source {
				t.Errorf("session %+v", s)
			}
			frrEchoes(t, peer, d, wire, f, b)
			rows.Covers(t, "5880-6.4-01", "5881-4-14", "5880-6.8.8-01")

			mark := controls.mark()
			b.forward(t, false)
			down := controls.wait(t, mark, "our Down", func(s sighting) bool { return !s.out && s.State == packet.Down })
			if down.Diag != packet.DiagEchoFailed {
				t.Errorf("our first Down says %v", down)
			}
			controls.wait(t, mark, "FRR's Down", func(s sighting) bool { return s.out && s.State == packet.Down })
			testnet.Eventually(t, 2*time.Second, "a line about the failure", func() bool {
				return len(d.log.lines(`level=WARN .*from=up to=down diag=echo-failed cause=echo-failed`)) > 0
			})
			rows.Covers(t, "5880-6.8.5-01")

			d.waitEcho(t, to, "probing")
			before := d.session(t, to)
			time.Sleep(time.Second)
			if s := d.session(t, to); s.State != "up" || s.Echo.Mode != "probing" || s.Counters.Down != before.Counters.Down {
				t.Errorf("without returns: %s, echo %s, %+v", s.State, s.Echo.Mode, s.Counters)
			}
			b.forward(t, true)
			d.waitEcho(t, to, "active")
			d.waitReturns(t, to, 5)
			rows.Covers(t, "5881-2-03")
		})
	}
}

// frrEchoes checks FRR's echoes and what became of them: TTL and link header
// are other ones, over IPv6 also the direction, because FRR 8.4.4 sends those to
// our address and not to its own.
func frrEchoes(t testing.TB, peer *frr, d *daemon, wire *tap, f family, b *host) {
	t.Helper()
	eventually(t, patience, "FRR's echoes come back", func() bool {
		_, in := peer.echoes(t)
		return in >= 10
	})
	if n := d.session(t, f.of(b)).Echo.Loop.Looped; n < 10 {
		t.Errorf("%d echoes looped", n)
	}
	list := wire.all(0)
	theirs := func(s sighting) bool { return s.src == f.of(b) || s.dst == f.of(b) }
	sent, ok := first(list, func(s sighting) bool { return s.out && theirs(s) && s.ttl == 255 })
	if !ok {
		t.Fatal("FRR sent none")
	}
	want := sent
	want.mac, want.to, want.ttl = sent.to, sent.mac, 254
	if f.name == "IPv6" {
		want.src, want.dst, want.srcPort, want.dstPort = sent.dst, sent.src, sent.dstPort, sent.srcPort
	}
	back, ok := first(list, func(s sighting) bool { return !s.out && theirs(s) && s.at > sent.at })
	if !ok {
		t.Fatal("none came back")
	}
	same := func(s sighting) string {
		return fmt.Sprintf("%v %v %v:%d %v:%d %d %x", s.mac, s.to, s.src, s.srcPort, s.dst, s.dstPort, s.ttl, s.payload)
	}
	if diff := cmp.Diff(same(want), same(back)); diff != "" {
		t.Errorf("looped (-want +got):\n%s", diff)
	}
}

// TestEchoFRRWithdrawn stops looping while FRR relies on it: FRR is told first,
// and stops its echoes at that word, so that neither end loses the session.
func TestEchoFRRWithdrawn(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	b.forward(t, true)
	f := families[0]
	wire, controls := newTap(t, b, packet.PortEcho), newTap(t, b)
	peer := startEchoFRR(t, a, b, f)
	d := start(t, a, echoSession(a, b, f, ""))
	d.waitEcho(t, b.v4, "active")
	frrEchoes(t, peer, d, wire, f, b)

	mark := controls.mark()
	d.do(t, "session", "set", b.v4.String(), "--echo-receive-interval", "disabled")
	told := controls.wait(t, mark, "our Required Min Echo RX of 0", func(s sighting) bool { return !s.out && s.RequiredMinEchoRx == 0 })
	s := d.steady(t, b.v4, time.Second)
	if s.Echo.Mode != "active" || s.Echo.Loop.State != "off" || s.Echo.Reason != "not looped: echo-receive-interval is disabled" {
		t.Errorf("echo is %+v", s.Echo)
	}
	if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
		t.Errorf("FRR shows %+v", v)
	}
	// One may have been on its way.
	sent, looped := 0, 0
	for _, s := range wire.all(0) {
		switch {
		case s.at < told.at+wallClock || s.src != b.v4:
		case s.out:
			sent++
		default:
			looped++
		}
	}
	if sent > 1 || looped != 0 {
		t.Errorf("after FRR was told it sent %d echoes, and we looped %d", sent, looped)
	}
	rows.Covers(t, "5881-4-14", "5880-6.8.13-02", "5880-6.4-01")
}
