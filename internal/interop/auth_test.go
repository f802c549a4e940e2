package interop

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// authKinds are the types of authentication by their names in xbfd's
// configuration and in BIRD's.
var authKinds = []struct{ xbfd, bird string }{
	{"simple-password", "simple"},
	{"keyed-md5", "keyed md5"},
	{"meticulous-keyed-md5", "meticulous keyed md5"},
	{"keyed-sha1", "keyed sha1"},
	{"meticulous-keyed-sha1", "meticulous keyed sha1"},
}

// authSession is the configuration of a session that authenticates by a secret,
// which packets call key 5.
func authSession(b *host, kind, secret string) string {
	return fmt.Sprintf("keys: [{id: 1, type: %s, secret: %q}]\n", kind, secret) +
		oneSession(b, 100*time.Millisecond, ", auth: {key: 1, bfd-key-id: 5}")
}

// startAuthBIRD starts BIRD with one authenticated session. It has to have it
// from the start: BIRD 2.0.12 does not change it in a running one.
func startAuthBIRD(t testing.TB, a, b *host, kind, secret string) *bird {
	t.Helper()
	_, err := exec.LookPath("bird")
	testnet.Require(t, err == nil, "needs BIRD (Debian package bird2)")
	n := &bird{host: b, log: newJournal(t, "bird"), dir: t.TempDir()}
	must(t, os.WriteFile(n.path("conf"), fmt.Appendf(nil, `router id 192.0.2.254;
log stderr all;
timeformat log iso long us;
protocol device {}
protocol bfd bfd1 {
 debug { events };
 interface %q { interval 100 ms; multiplier %d; authentication %s; password %q { id 5; }; };
 neighbor %s dev %q local %s;
}
`, b.ifname, mult, kind, secret, a.v4, b.ifname, b.v4), 0o644))
	n.revive(t)
	return n
}

// TestAuthBIRD brings up a session with BIRD by each type and holds it. Then
// BIRD starts again, with another first sequence number: it is heard once its
// silence has lasted two detection times.
func TestAuthBIRD(t *testing.T) {
	t.Parallel()
	for _, kind := range authKinds {
		t.Run(kind.xbfd, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			wire := newTap(t, b)
			peer := startAuthBIRD(t, a, b, kind.bird, "interop-key")
			d := start(t, a, authSession(b, kind.xbfd, "interop-key"))
			d.waitState(t, b.v4, "up")
			waitPeerUp(t, peer, 1)
			var s control.Session
			eventually(t, patience, "many packets", func() bool { s = d.session(t, b.v4); return s.Counters.Rx > 2*mult })
			if s.State != "up" || s.Counters.Up != 1 || len(s.Counters.RxDiscarded) != 0 {
				t.Errorf("session is %s after %+v", s.State, s.Counters)
			}
			for p, v := range peer.views(t) {
				if !v.up || v.failures != 0 {
					t.Errorf("BIRD's session with %s: %+v", p, v)
				}
			}
			for _, p := range wire.all(0) {
				if p.drop != packet.DropNone || !p.Auth {
					t.Fatalf("a packet without authentication, or a bad one: %v", p)
				}
			}
			peer.kill(t)
			d.waitState(t, b.v4, "down")
			peer.revive(t)
			d.waitState(t, b.v4, "up")
			waitPeerUp(t, peer, 1)
		})
	}
	rows.Covers(t, "5880-6.7-01")
}

// TestAuthBIRDRefused: with another secret, or authentication at one end only,
// no session comes up, and the counters say why.
func TestAuthBIRDRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, xbfd, bird, secret, reason string
	}{
		{"other password", "simple-password", "simple", "interop-kez", "auth_digest"},
		{"other key", "meticulous-keyed-sha1", "meticulous keyed sha1", "interop-kez", "auth_digest"},
		{"other MD5 key", "keyed-md5", "keyed md5", "interop-kez", "auth_digest"},
		{"longer password", "simple-password", "simple", "interop-key1", "auth_len"},
		{"other type", "keyed-sha1", "meticulous keyed sha1", "interop-key", "auth_type"},
		{"none at the peer", "meticulous-keyed-sha1", "none", "interop-key", "auth_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			peer := startAuthBIRD(t, a, b, c.bird, c.secret)
			d := start(t, a, authSession(b, c.xbfd, "interop-key"))
			var s control.Session
			eventually(t, patience, "packets are refused", func() bool {
				if s = d.session(t, b.v4); s.State != "down" || s.Counters.Rx != 0 {
					t.Fatalf("session is %s after %+v", s.State, s.Counters)
				}
				return s.Counters.RxDiscarded[c.reason] >= 4
			})
			if len(s.Counters.RxDiscarded) != 1 || s.Auth.PeerDigest != "" {
				t.Errorf("discards %v, want only %s; hint %q", s.Counters.RxDiscarded, c.reason, s.Auth.PeerDigest)
			}
			for p, v := range peer.views(t) {
				if v.up {
					t.Errorf("BIRD's session with %s is up", p)
				}
			}
		})
	}
}
