package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// vip is the route that depends on the session in the tests of BGP.
const vip = "198.51.100.0/24"

// startCollector starts BIRD at c as a BGP neighbor of a, in another AS.
func startCollector(t testing.TB, c, a *host) *bird {
	t.Helper()
	_, err := exec.LookPath("bird")
	testnet.Require(t, err == nil, "needs BIRD (Debian package bird2)")
	n := &bird{host: c, log: newJournal(t, "bird"), dir: t.TempDir()}
	must(t, os.WriteFile(n.path("conf"), fmt.Appendf(nil, `router id %[1]s;
log stderr all;
protocol device {}
protocol bgp a {
 local %[1]s as 65002;
 neighbor %[2]s as 65001;
 connect delay time 1;
 connect retry time 1;
 error wait time 1, 1;
 ipv4 { import all; export none; };
}
`, c.v4, a.v4), 0o644))
	n.revive(t)
	return n
}

// hasRoute tells whether BGP has taught BIRD the route.
func (b *bird) hasRoute(t testing.TB) bool {
	t.Helper()
	return strings.Contains(b.birdc(t, "show", "route"), vip)
}

func (b *bird) waitRoute(t testing.TB, want bool) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("BIRD has the route: %v", want), func() bool { return b.hasRoute(t) == want })
}

// stays checks for a while that BIRD has the route.
func (b *bird) stays(t testing.TB, what string, while time.Duration) {
	t.Helper()
	for end := time.Now().Add(while); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if !b.hasRoute(t) {
			t.Fatalf("%s: BIRD has lost the route", what)
		}
	}
}

// exabgp is ExaBGP at a, whose process xbfd exabgp is.
type exabgp struct {
	*process
	log  *journal
	file string // of xbfd exabgp
}

func startExaBGP(t testing.TB, a, c *host, encoder, ack, more string) *exabgp {
	t.Helper()
	path, err := exec.LookPath("exabgp")
	testnet.Require(t, err == nil, "needs ExaBGP (Debian package exabgp)")
	x := &exabgp{log: newJournal(t, "exabgp")}
	dir := t.TempDir()
	x.file = filepath.Join(dir, "routes.yaml")
	must(t, os.WriteFile(x.file, []byte(more), 0o644))
	conf := filepath.Join(dir, "exabgp.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `process xbfd {
 run %s exabgp -c %s;
 encoder %s;
}
neighbor %s {
 router-id %s;
 local-address %[5]s;
 local-as 65001;
 peer-as 65002;
 api { processes [ xbfd ]; neighbor-changes; }
}
`, xbfdPath, x.file, encoder, c.v4, a.v4), 0o644))
	x.process = spawn(t, a.NS, x.log, "env", "exabgp.daemon.user=root", "exabgp.daemon.drop=false", "exabgp.api.cli=false",
		"exabgp.api.ack="+ack, "exabgp.log.destination=stderr", path, conf)
	return x
}

// child tells whether the process that ExaBGP started is there.
func (x *exabgp) child(t testing.TB) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, f := range files {
		line, _ := os.ReadFile(f)
		if bytes.Contains(line, []byte(x.file)) && bytes.Contains(line, []byte("exabgp\x00-c")) {
			return true
		}
	}
	return false
}

// TestExaBGP has ExaBGP announce a route to BIRD while a session that has nothing
// to do with the two is up. The cut is silent for a: b is behind a bridge.
func TestExaBGP(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ encoder, ack, away string }{{"text", "true", "keep"}, {"json", "false", "withdraw"}} {
		t.Run(v.encoder, func(t *testing.T) {
			t.Parallel()
			a, b, c := newLAN(t)
			start(t, b, oneSession(a, 50*time.Millisecond, ""))
			collector := startCollector(t, c, a)
			d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
			x := startExaBGP(t, a, c, v.encoder, v.ack, fmt.Sprintf(`control: %s
hold: 1s
daemon-away: %s
routes:
  - {prefix: %s, next-hop: self, peer: %s, attributes: "med 77 community [ 65001:7 ]"}
`, d.control, v.away, vip, b.v4))
			d.waitState(t, b.v4, "up")
			collector.waitRoute(t, true)
			if out := collector.birdc(t, "show", "route", "all"); !strings.Contains(out, "(65001,7)") || !strings.Contains(out, "77") {
				t.Errorf("the attributes are not there: %s", out)
			}

			b.SetDown(t, b.ifname)
			cut := time.Now()
			d.waitState(t, b.v4, "down")
			collector.waitRoute(t, false)
			t.Logf("withdrawn at the BGP peer %v after the cut, detection time %v", time.Since(cut), mult*50*time.Millisecond)
			b.SetUp(t, b.ifname)
			back := d.waitState(t, b.v4, "up").LastChange.At
			collector.waitRoute(t, true)
			if held := time.Since(back); held < time.Second {
				t.Errorf("announced again after %v, the hold is 1s", held)
			}

			d.stop(t)
			if v.away == "keep" {
				collector.stays(t, "without xbfd", 500*time.Millisecond)
			} else {
				collector.waitRoute(t, false)
			}
			d = launchFile(t, a, d.file, d.control)
			d.started(t)
			d.waitState(t, b.v4, "up")
			if v.away == "keep" {
				collector.stays(t, "with another xbfd", 500*time.Millisecond)
			}
			collector.waitRoute(t, true)
			// The new daemon is listened to as the old one was.
			b.SetDown(t, b.ifname)
			collector.waitRoute(t, false)
			if refused := x.log.lines("ExaBGP refused"); len(refused) > 0 {
				t.Errorf("%q", refused)
			}
			x.signal(t, syscall.SIGKILL)
			eventually(t, patience, "xbfd exabgp ends with ExaBGP", func() bool { return !x.child(t) })
		})
	}
}
