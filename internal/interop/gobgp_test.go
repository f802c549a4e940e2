package interop

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// buildGoBGP returns the programs gobgpd and gobgp, as a module of their own pins
// them. The first time that builds them, into the build cache; what that needs has to
// be there: go mod download in that directory.
var buildGoBGP = sync.OnceValues(func() (path map[string]string, err error) {
	path = make(map[string]string)
	for _, name := range []string{"gobgpd", "gobgp"} {
		build := exec.Command("go", "tool", "-n", name)
		build.Dir = filepath.Join("testdata", "gobgpd")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off")
		var stderr strings.Builder
		build.Stderr = &stderr
		out, err := build.Output()
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, stderr.String())
		}
		path[name] = strings.TrimSpace(string(out))
	}
	return path, nil
})

// gobgpd is GoBGP at a host, with one neighbor.
type gobgpd struct {
	*process
	host *host
	path map[string]string // of the programs
	conf string
	log  *journal
}

func startGoBGP(t testing.TB, h, neighbor *host) *gobgpd {
	t.Helper()
	path, err := buildGoBGP()
	testnet.Require(t, err == nil, fmt.Sprintf("needs the modules of internal/interop/testdata/gobgpd: %v", err))
	g := &gobgpd{host: h, path: path, conf: filepath.Join(t.TempDir(), "gobgpd.toml"), log: newJournal(t, "gobgpd")}
	must(t, os.WriteFile(g.conf, fmt.Appendf(nil, `[global.config]
as = 65001
router-id = %q
[[neighbors]]
[neighbors.config]
neighbor-address = %q
peer-as = 65002
[neighbors.timers.config]
connect-retry = 1
idle-hold-time-after-reset = 1
`, h.v4, neighbor.v4), 0o644))
	h.NS.SetUp(t, "lo")
	g.revive(t)
	return g
}

func (g *gobgpd) revive(t testing.TB) {
	t.Helper()
	g.process = spawn(t, g.host.NS, g.log, g.path["gobgpd"], "-f", g.conf, "--api-hosts", "127.0.0.1:50051,127.0.0.1:50052", "--pprof-disable")
}

// gobgp runs a command as an operator would.
func (g *gobgpd) gobgp(t testing.TB, args ...string) string {
	t.Helper()
	r := finish(t, g.host.Command(t.Context(), g.path["gobgp"], args...))
	if r.code != 0 {
		t.Fatalf("gobgp %q: %s", args, r.stderr)
	}
	return r.stdout
}

// waitNeighbor waits until gobgpd says so of its neighbor.
func (g *gobgpd) waitNeighbor(t testing.TB, what string) {
	t.Helper()
	eventually(t, patience, "gobgpd's neighbor is "+what, func() bool { return strings.Contains(g.neighbors(), what) })
}

// waitEnabled does not wait for the seconds in which gobgpd then connects.
func (g *gobgpd) waitEnabled(t testing.TB) {
	t.Helper()
	eventually(t, patience, "gobgpd's neighbor is enabled", func() bool {
		list := g.neighbors()
		return strings.Contains(list, "65002") && !strings.Contains(list, bgpAdmin)
	})
}

// neighbors is gobgpd's table of them, empty when it does not answer.
func (g *gobgpd) neighbors() string {
	out, err := g.host.Command(context.Background(), g.path["gobgp"], "neighbor").Output()
	if err != nil {
		return ""
	}
	return string(out)
}

const (
	bgpUp    = "Establ"
	bgpAdmin = "Idle(Admin)"
)

// TestGoBGP fails a session over while BGP's own timers would take 90 s: BIRD's and
// gobgpd's connection stays whole, since it is the other end's xbfd that falls silent.
func TestGoBGP(t *testing.T) {
	t.Parallel()
	a, c := newLink(t)
	c.v4 = netip.MustParseAddr("192.0.2.2")
	g := startGoBGP(t, a, c)
	collector := startCollector(t, c, a)
	g.waitNeighbor(t, bgpUp)
	const gobgp = "gobgp: {api: \"127.0.0.1:50051\", from-neighbors: true, profile: slow}\n" +
		"profiles: {slow: {transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: 20}}\nshutdown-hold: 500ms\n"
	d := start(t, a, gobgp)
	far := start(t, c, oneSession(a, 50*time.Millisecond, ""))
	s := d.waitState(t, c.v4, "up")
	if s.Owner != "gobgp" || s.Profile != "slow" || s.Multihop {
		t.Errorf("the neighbor's session: %+v", s)
	}
	g.gobgp(t, "global", "rib", "add", vip)
	collector.waitRoute(t, true)

	far.signal(t, syscall.SIGKILL)
	d.waitState(t, c.v4, "down")
	g.waitNeighbor(t, bgpAdmin)
	collector.waitRoute(t, false)
	if said := collector.log.lines(`xbfd: BFD session with 192\.0\.2\.2 is down: control-expiry`); len(said) == 0 {
		t.Errorf("BIRD was not told why:\n%s", collector.log)
	}
	if out := xbfd(t, a, "status", "--control", d.control).stdout; !strings.Contains(out, "disabled: 192.0.2.2; 1 disables, 0 enables, 0 failures") {
		t.Errorf("status:\n%s", out)
	}

	// A gobgpd that starts again knows nothing of it, and hears it again.
	g.kill(t)
	eventually(t, patience, "xbfd says that gobgpd is away", func() bool { s := d.status(t).GoBGP; return !s.Connected && s.Failures > 1 })
	if out := xbfd(t, a, "status", "--control", d.control).stdout; !strings.Contains(out, "127.0.0.1:50051 does not answer: ") {
		t.Errorf("status without gobgpd:\n%s", out)
	}
	g.revive(t)
	g.waitNeighbor(t, bgpAdmin)

	far.ended = true
	<-far.exited
	far = start(t, c, oneSession(a, 50*time.Millisecond, ""))
	d.waitState(t, c.v4, "up")
	g.waitNeighbor(t, bgpUp)

	// What the operator has disabled stays so.
	g.gobgp(t, "neighbor", c.v4.String(), "disable")
	g.waitNeighbor(t, bgpAdmin)
	d.waitState(t, c.v4, "up")
	far.stop(t)
	d.waitState(t, c.v4, "down")
	far = start(t, c, oneSession(a, 50*time.Millisecond, ""))
	d.waitState(t, c.v4, "up")
	time.Sleep(1500 * time.Millisecond)
	g.waitNeighbor(t, bgpAdmin)
	g.gobgp(t, "neighbor", c.v4.String(), "enable")
	g.waitEnabled(t)

	// AdminDown, here that of an orderly end, is no failure; a crash of ours is none of
	// gobgpd's concern; and who leaves in order leaves nobody disabled.
	far.stop(t)
	d.waitState(t, c.v4, "down")
	want := &control.GoBGPStatus{API: "127.0.0.1:50051", Connected: true, Neighbors: 1, Disabled: []netip.Addr{}, Disables: 2, Enables: 1}
	got := d.status(t).GoBGP
	got.Failures = 0 // as many as the restart took
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	far = start(t, c, oneSession(a, 50*time.Millisecond, ""))
	d.waitState(t, c.v4, "up")
	far.signal(t, syscall.SIGKILL)
	far.ended = true
	g.waitNeighbor(t, bgpAdmin)
	if code := d.stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	g.waitEnabled(t)
}

// TestGoBGPAtReload gives the two neighbors of a gobgpd, of either family, sessions by a
// reload, changes the section while they have failed, and takes it out.
func TestGoBGPAtReload(t *testing.T) {
	t.Parallel()
	a, c := newLink(t)
	g := startGoBGP(t, a, c)
	g.waitEnabled(t)
	g.gobgp(t, "neighbor", "add", c.v6.String(), "as", "65002")
	far := start(t, c, "fast-path: {insurance: off}\n"+upProfile+fmt.Sprintf("peers:\n  - {peer: %s, profile: p}\n  - {peer: %q, local-address: %q, profile: p}\n", a.v4, a.v6, c.v6))
	file := "shutdown-hold: 500ms\nprofiles:\n" +
		"  p: {transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: 20}\n" +
		"  other: {transmit-interval: 60ms, receive-interval: 60ms, detect-multiplier: 20}\n"
	d := start(t, a, file)
	reload := func(more string) {
		t.Helper()
		d.write(t, file+more)
		r, err := d.client.Reload(t.Context())
		must(t, err)
		if len(r.RestartNeeded) > 0 || !slices.Contains(r.Settings, "gobgp") {
			t.Errorf("%+v", r)
		}
	}
	disabled := func(when string, want int) {
		t.Helper()
		eventually(t, patience, when, func() bool { return strings.Count(g.neighbors(), bgpAdmin) == want })
	}
	reload("gobgp: {api: \"127.0.0.1:50051\", from-neighbors: true, profile: p}\n")
	eventually(t, patience, "each neighbor has a session", func() bool { return len(d.sessions(t)) == 2 })
	d.waitUp(t)
	for _, s := range d.sessions(t) {
		if s.Owner != "gobgp" || s.Profile != "p" || s.Multihop || s.Peer.Is6() && s.Local != a.v6 {
			t.Errorf("%+v", s)
		}
	}
	far.signal(t, syscall.SIGSTOP)
	disabled("both have failed", 2)

	reload("gobgp: {api: \"127.0.0.1:50051\", from-neighbors: true, profile: other}\n")
	eventually(t, patience, "the other profile", func() bool {
		list := d.sessions(t)
		return list[0].Profile == "other" && list[1].Profile == "other"
	})
	if s := d.status(t).GoBGP; s.Enables != 0 || s.Disables != 2 {
		t.Errorf("%+v", s)
	}
	reload("gobgp: {api: \"127.0.0.1:50052\", from-neighbors: true, profile: other}\n")
	eventually(t, patience, "the other address knows of both failures", func() bool {
		s := d.status(t).GoBGP
		return s.API == "127.0.0.1:50052" && s.Connected && s.Disables == 2
	})
	disabled("both have failed still", 2)
	far.signal(t, syscall.SIGCONT)
	d.waitUp(t)
	disabled("both are up", 0)

	far.signal(t, syscall.SIGSTOP)
	disabled("both have failed again", 2)
	reload("")
	disabled("nobody watches them", 0)
	if n, s := len(d.sessions(t)), d.status(t).GoBGP; n != 0 || s != nil {
		t.Errorf("%d sessions, %+v", n, s)
	}
	far.signal(t, syscall.SIGCONT)
}
