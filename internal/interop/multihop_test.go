package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

const farInterval = 100 * time.Millisecond

// farSession is the configuration of a multihop session from a to b.
func farSession(a, b *host, f family, more string) string {
	return fmt.Sprintf("shutdown-hold: 500ms\npeers:\n"+
		"  - {peer: %q, local-address: %q, multihop: true, transmit-interval: %v, receive-interval: %[3]v, detect-multiplier: %d%s}\n",
		f.of(b), f.of(a), farInterval, mult, more)
}

// farSpeech is the other end of it.
func farSpeech(a, b *host, f family) speech {
	return speech{sessions: []pairing{{local: f.of(b), peer: f.of(a), multihop: true}}, interval: farInterval, mult: mult}
}

// floor is the least TTL that a peer's packets have one router away. BIRD 2.0.12
// sends those of multihop sessions with the system's default of 64, not with 255
// as RFC 5883 §5 has it.
func floor(peer neighbor) int {
	if _, ok := peer.(*bird); ok {
		return 63
	}
	return 254
}

// TestMultihop runs a session through a router. Packets leave with TTL 255 for
// port 4784, and a change of route moves them to another interface without a
// flap.
func TestMultihop(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		n := newRouted(t)
		f := families[0]
		wire := newTap(t, n.b, packet.PortMultihop, packet.PortControl, packet.PortEcho)
		peer := startPeer(t, n.b, farSpeech(n.a, n.b, f))
		d := start(t, n.a, farSession(n.a, n.b, f, fmt.Sprintf(", minimum-ttl: %d", floor(peer))))
		s := d.waitState(t, n.b.v4, "up")
		waitPeerUp(t, peer, 1)
		if !s.Multihop || int(s.MinTTL) != floor(peer) || s.Interface != "a" || s.Transport != "xdp-native" {
			t.Errorf("session %+v", s)
		}
		for _, s := range wire.all(0) {
			if s.dstPort != packet.PortMultihop || !s.out && (s.ttl != 254 || s.srcPort < 49152 || s.RequiredMinEchoRx != 0 || s.drop != packet.DropNone) {
				t.Errorf("saw %v", s)
			}
		}
		rows.Covers(t, "5883-5-01", "5883-3-01", "5883-TTL-01", "5883-4.1-01")

		mac, _ := last(wire.all(0), func(s sighting) bool { return !s.out })
		n.detour(t)
		eventually(t, patience, "the session takes the other way", func() bool { return d.session(t, n.b.v4).Interface == spare })
		s = d.steady(t, n.b.v4, 2*mult*farInterval)
		if v := peer.views(t)[n.a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the peer shows %+v", v)
		}
		if s.LocalDiscriminator == 0 || s.Local != n.a.v4 || s.Counters.Up != 1 {
			t.Errorf("after the change of route: %+v", s)
		}
		now, _ := last(wire.all(0), func(s sighting) bool { return !s.out })
		if now.src != mac.src || now.srcPort != mac.srcPort || now.MyDiscr != mac.MyDiscr {
			t.Errorf("%v became %v", mac, now)
		}
		rows.Covers(t, "5883-IF-01")
	})
}

// TestMultihopIPv6 runs one over IPv6.
func TestMultihopIPv6(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		n := newRouted(t)
		f := families[1]
		peer := startPeer(t, n.b, farSpeech(n.a, n.b, f))
		d := start(t, n.a, farSession(n.a, n.b, f, fmt.Sprintf(", minimum-ttl: %d", floor(peer))))
		d.waitState(t, n.b.v6, "up")
		waitPeerUp(t, peer, 1)
		d.steady(t, n.b.v6, time.Second)
	})
}

// TestMultihopFloor asks for a TTL that a router does not leave: nothing comes up,
// and it is counted why. The change of that alone brings the session up.
func TestMultihopFloor(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		n := newRouted(t)
		f := families[0]
		peer := startPeer(t, n.b, farSpeech(n.a, n.b, f))
		d := start(t, n.a, farSession(n.a, n.b, f, ", minimum-ttl: 255"))
		tooFar := func() uint64 {
			sum := d.status(t).RxDiscarded["ttl"]
			for _, i := range d.status(t).Interfaces {
				sum += i.Counters["ttl"]
			}
			return sum
		}
		eventually(t, patience, "packets are dropped for their TTL", func() bool { return tooFar() >= 2 })
		if s := d.session(t, n.b.v4); s.State != "down" || s.Counters.Rx != 0 || s.RemoteState != "down" || s.MinTTL != 255 {
			t.Errorf("session %+v", s)
		}
		d.do(t, "session", "set", n.b.v4.String(), "--minimum-ttl", strconv.Itoa(floor(peer)))
		d.waitState(t, n.b.v4, "up")
		before := tooFar()
		d.steady(t, n.b.v4, time.Second)
		if now := tooFar(); now != before {
			t.Errorf("%d more dropped", now-before)
		}
		rows.Covers(t, "5883-TTL-01", "5082-A-01")
	})
}

// TestBothKinds has a single-hop and a multihop session between the same two
// addresses: neither feeds the other, and one fails alone.
func TestBothKinds(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		f := families[0]
		near := pairing{local: b.v4, peer: a.v4}
		far := near
		far.multihop = true
		peer := startPeer(t, b, speech{sessions: []pairing{near, far}, interval: farInterval, mult: mult})
		config := farSession(a, b, f, fmt.Sprintf(", minimum-ttl: %d", floor(peer))) + fmt.Sprintf("  - {peer: %s, transmit-interval: 100ms, receive-interval: 100ms, detect-multiplier: %d}\n", b.v4, mult)
		d := start(t, a, config)
		d.waitUp(t)
		list := d.sessions(t)
		if len(list) != 2 || list[0].Multihop == list[1].Multihop || list[0].RemoteDiscriminator == list[1].RemoteDiscriminator {
			t.Fatalf("%+v", list)
		}
		if r := d.ctl(t, "session", "show", b.v4.String()); r.code != 1 || !strings.Contains(r.stderr, "multihop") {
			t.Errorf("which of two: status %d: %s", r.code, r.stderr)
		}
		for _, more := range [][]string{{"--local-addr", a.v4.String(), "--multihop"}, {"--unaffiliated-echo"}} {
			r := d.ctl(t, append([]string{"session", "add", "--peer-addr", b.v4.String()}, more...)...)
			if r.code != 1 || !strings.Contains(r.stderr, "there is") || !strings.Contains(r.stderr, "already") {
				t.Errorf("add %q: status %d: %s", more, r.code, r.stderr)
			}
		}
		rows.Covers(t, "5883-4.1-02", "9747-4-01")
		d.do(t, "session", "down", b.v4.String(), "--multihop")
		time.Sleep(time.Second)
		for _, s := range d.sessions(t) {
			want := "up"
			if s.Multihop {
				want = "admin-down"
			}
			if s.State != want || s.Counters.Down != 0 || len(s.Counters.RxDiscarded) != 0 && !s.Multihop {
				t.Errorf("multihop %v: %s after %+v", s.Multihop, s.State, s.Counters)
			}
		}
		d.do(t, "session", "up", b.v4.String(), "--multihop")
		d.waitUp(t)
		rows.Covers(t, "5883-5-01", "5883-4.1-01")
	})
}

// TestMultihopAuth authenticates through a router, with BIRD, by each type; then
// there is no warning about forgeries.
func TestMultihopAuth(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("bird")
	testnet.Require(t, err == nil, "needs BIRD (Debian package bird2)")
	for _, kind := range authKinds {
		t.Run(kind.xbfd, func(t *testing.T) {
			t.Parallel()
			n := newRouted(t)
			peer := &bird{host: n.b, log: newJournal(t, "bird"), dir: t.TempDir()}
			must(t, os.WriteFile(peer.path("conf"), fmt.Appendf(nil, `router id 192.0.2.254;
log stderr all;
timeformat log iso long us;
protocol device {}
protocol bfd bfd1 {
 debug { events };
 multihop { interval 100 ms; multiplier %d; authentication %s; password "interop-key" { id 5; }; };
 neighbor %s local %s multihop yes;
}
`, mult, kind.bird, n.a.v4, n.b.v4), 0o644))
			peer.revive(t)
			config := func(secret string) string {
				return fmt.Sprintf("keys: [{id: 1, type: %s, secret: %q}]\n", kind.xbfd, secret) +
					farSession(n.a, n.b, families[0], ", minimum-ttl: 63, auth: {key: 1, bfd-key-id: 5}")
			}
			d := start(t, n.a, config("interop-key"))
			d.waitState(t, n.b.v4, "up")
			waitPeerUp(t, peer, 1)
			d.steady(t, n.b.v4, time.Second)
			if warned := d.log.lines(`may be forged`); len(warned) != 0 {
				t.Errorf("warned %q", warned)
			}
			rows.Covers(t, "5883-6-01", "5880-9-02")
		})
	}
}
