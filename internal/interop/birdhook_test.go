package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// birdRoutes is BIRD in a's namespace with a static route by way of b, and what runs
// BFD is xbfd: BIRD itself has no BFD here.
func birdRoutes(t *testing.T, h, via *host) (ctl string) {
	t.Helper()
	_, err := exec.LookPath("bird")
	testnet.Require(t, err == nil, "needs BIRD (Debian package bird2)")
	dir := t.TempDir()
	conf, ctl := filepath.Join(dir, "conf"), filepath.Join(dir, "ctl")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `router id 192.0.2.1;
log stderr all;
protocol device {}
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_STATIC; }; }
protocol static uplink1 { ipv4 { preference 200; }; route 198.51.100.0/24 via %s; }
`, via.v4), 0o644))
	spawn(t, h.NS, newJournal(t, "bird"), "bird", "-f", "-c", conf, "-s", ctl, "-P", filepath.Join(dir, "pid"))
	eventually(t, patience, "bird answers", func() bool { return exec.Command("birdc", "-s", ctl, "show", "status").Run() == nil })
	return ctl
}

// TestBIRDFollowsByHook: a protocol of BIRD is disabled while the peer is silent, its
// route is out of the kernel, and both are back with the session. AdminDown at the
// other end changes nothing. Hooks run with what rights the daemon has left.
func TestBIRDFollowsByHook(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	ctl := birdRoutes(t, a, b)
	hook, err := filepath.Abs("../../contrib/bird-hook")
	must(t, err)
	rights := filepath.Join(t.TempDir(), "status")
	// With insurance the kernel would answer for a peer that is stopped.
	leaving := filepath.Join(t.TempDir(), "environ")
	peer := start(t, b, "fast-path: {insurance: off}\n"+oneSession(a, 50*time.Millisecond, "")+
		"hooks:\n  - {on: [admin-down], run: [/bin/cp, -f, /proc/self/environ, "+leaving+"]}\n")
	d := start(t, a, oneSession(b, 50*time.Millisecond, "")+fmt.Sprintf(`hooks:
  - {on: [up, down, admin-down], peer: %s, run: [%s, -s, %s, uplink1], dampening: off}
  - {on: [up], run: [/bin/cp, /proc/self/status, %s]}
`, b.v4, hook, ctl, rights))
	protocol := func(state string) {
		t.Helper()
		eventually(t, patience, "uplink1 is "+state+", and so is its route", func() bool {
			shown, err := exec.Command("birdc", "-s", ctl, "show", "protocols", "uplink1").CombinedOutput()
			must(t, err)
			r := finish(t, a.Command(t.Context(), "ip", "route", "show", "198.51.100.0/24"))
			return strings.Contains(string(shown), " "+state+" ") && strings.Contains(r.stdout, "proto bird") == (state == "up")
		})
	}
	d.waitUp(t)
	protocol("up")
	peer.signal(t, syscall.SIGSTOP)
	d.waitState(t, b.v4, "down")
	protocol("down")
	peer.signal(t, syscall.SIGCONT)
	d.waitState(t, b.v4, "up")
	protocol("up")

	if code := peer.stop(t); code != 0 {
		t.Errorf("the peer ended with %d", code)
	}
	// Its own hooks were still told.
	last, err := os.ReadFile(leaving)
	must(t, err)
	if !strings.Contains(string(last), "XBFD_EVENT=admin-down\x00XBFD_PEER="+a.v4.String()+"\x00") {
		t.Errorf("environment at the end: %q", last)
	}
	d.waitState(t, b.v4, "down")
	eventually(t, patience, "the hook has run for that, too", func() bool { return d.status(t).Hooks[0].Done == 4 })
	protocol("up")
	if h := d.status(t).Hooks[0]; h.Failed != 0 {
		t.Errorf("%+v", h)
	}
	text, err := os.ReadFile(rights)
	must(t, err)
	const keeps = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_IPC_LOCK | 1<<unix.CAP_BPF
	if !strings.Contains(string(text), fmt.Sprintf("CapEff:\t%016x\n", uint64(keeps))) || !strings.Contains(string(text), "NoNewPrivs:\t1\n") {
		t.Errorf("a hook has other rights than the daemon:\n%s", text)
	}
	rows.Covers(t, "5882-3.2-01", "5882-4.2-01")
}

// TestBIRDFollowsInBGP: between two BIRDs, a BGP protocol is disabled while the peer is
// silent, by which the routes of each are gone at the other long before BGP's own hold
// time, and enabled when it is heard again.
func TestBIRDFollowsInBGP(t *testing.T) {
	t.Parallel()
	a, c := newLink(t)
	collector := startCollector(t, c, a)
	dir := t.TempDir()
	conf, ctl := filepath.Join(dir, "conf"), filepath.Join(dir, "ctl")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `router id %[1]s;
log stderr all;
protocol device {}
protocol static { ipv4; route %[3]s blackhole; }
protocol bgp uplink1 {
 local %[1]s as 65001;
 neighbor %[2]s as 65002;
 hold time 240;
 connect delay time 1;
 ipv4 { import all; export all; };
}
`, a.v4, c.v4, vip), 0o644))
	spawn(t, a.NS, newJournal(t, "bird"), "bird", "-f", "-c", conf, "-s", ctl, "-P", filepath.Join(dir, "pid"))
	hook, err := filepath.Abs("../../contrib/bird-hook")
	must(t, err)
	far := start(t, c, "fast-path: {insurance: off}\n"+oneSession(a, 50*time.Millisecond, ""))
	d := start(t, a, oneSession(c, 50*time.Millisecond, "")+
		fmt.Sprintf("hooks: [{on: [up, down, admin-down], peer: %s, run: [%s, -s, %s, uplink1], dampening: off}]\n", c.v4, hook, ctl))
	d.waitUp(t)
	collector.waitRoute(t, true)

	far.signal(t, syscall.SIGSTOP)
	silent := time.Now()
	d.waitState(t, c.v4, "down")
	collector.waitRoute(t, false)
	t.Logf("withdrawn at the BGP peer %v after the last packet could come, detection time %v", time.Since(silent), mult*50*time.Millisecond)
	if out := collector.birdc(t, "show", "protocols", "all", "a"); !strings.Contains(out, "Administrative shutdown") {
		t.Errorf("the other BIRD was told:\n%s", out)
	}
	far.signal(t, syscall.SIGCONT)
	d.waitState(t, c.v4, "up")
	collector.waitRoute(t, true)
	if h := d.status(t).Hooks[0]; h.Failed != 0 || h.Done != 3 {
		t.Errorf("%+v", h)
	}
}
