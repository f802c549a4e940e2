package interop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// uplinks is a host with two routers that run xbfd, each on a link of its own:
//
//	near 192.0.2.1 ------ eth0 192.0.2.2 +------+
//	                                     | host |
//	far 203.0.113.1 --- eth1 203.0.113.2 +------+
//
// IPv6 has 2001:db8:0:1:: and 2001:db8:0:2:: on the two links.
type uplinks struct {
	host      *host
	near, far *daemon
}

var near, far = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1")

// upInterval is that of the sessions, by which a router that is stopped is silent
// after a second.
const upInterval = 50 * time.Millisecond

// upProfile is the host's side of them.
var upProfile = fmt.Sprintf("shutdown-hold: 500ms\nprofiles: {p: {transmit-interval: %v, receive-interval: %[1]v, detect-multiplier: %d}}\n", upInterval, mult)

func newUplinks(t testing.TB) *uplinks {
	t.Helper()
	u := &uplinks{host: &host{NS: testnet.NewNS(t, "host"), ifname: "eth0"}}
	for i, r := range []struct{ ifname, v4, v6 string }{{"eth0", "192.0.2.", "2001:db8:0:1::"}, {"eth1", "203.0.113.", "2001:db8:0:2::"}} {
		router := &host{NS: testnet.NewNS(t, "router"), ifname: "eth0", v4: netip.MustParseAddr(r.v4 + "1"), v6: netip.MustParseAddr(r.v6 + "1")}
		testnet.Veth(t, u.host.NS, r.ifname, router.NS, "eth0")
		u.host.AddAddr(t, r.ifname, r.v4+"2/24")
		u.host.AddAddr(t, r.ifname, r.v6+"2/64")
		router.AddAddr(t, "eth0", r.v4+"1/24")
		router.AddAddr(t, "eth0", r.v6+"1/64")
		// With insurance the kernel would answer for a router that is stopped.
		d := start(t, router, "fast-path: {insurance: off}\n"+upProfile+fmt.Sprintf(
			"peers:\n  - {peer: %s2, profile: p}\n  - {peer: %q, local-address: %q, profile: p}\n", r.v4, r.v6+"2", r.v6+"1"))
		if i == 0 {
			u.near = d
		} else {
			u.far = d
		}
	}
	return u
}

// run starts xbfd on the host and waits for its sessions.
func (u *uplinks) run(t testing.TB, file string) *daemon {
	t.Helper()
	d := start(t, u.host, upProfile+file)
	d.waitUp(t)
	return d
}

// ourRoutes returns the routes with xbfd's protocol, in the words of ip route.
func ourRoutes(t testing.TB, h *host) (list []string) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		for line := range strings.Lines(h.ip(t, family+" route show table all proto 184")) {
			line = strings.Join(strings.Fields(strings.NewReplacer("proto 184 ", "", " pref medium", "").Replace(line)), " ")
			if strings.HasPrefix(line, "nexthop") {
				list[len(list)-1] += " " + line
			} else {
				list = append(list, line)
			}
		}
	}
	slices.Sort(list)
	return list
}

// ip runs a command of iproute2 on a host.
func (h *host) ip(t testing.TB, args string) string {
	t.Helper()
	r := finish(t, h.Command(t.Context(), "ip", strings.Fields(args)...))
	if r.code != 0 {
		t.Fatalf("ip %s: %s", args, r.stderr)
	}
	return r.stdout
}

// waitRoutes waits until the host has these routes of xbfd's, and no more.
func (h *host) waitRoutes(t testing.TB, when string, want ...string) {
	t.Helper()
	var diff string
	slices.Sort(want)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if diff = cmp.Diff(want, ourRoutes(t, h)); diff == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: routes (-want +got):\n%s", when, diff)
		}
	}
}

// routes are the routes and the like as xbfd tells of them, by their prefixes.
func (d *daemon) routes(t testing.TB) map[string]control.Route {
	t.Helper()
	list, err := d.client.Routes(t.Context())
	must(t, err)
	named := make(map[string]control.Route)
	for _, r := range list {
		named[r.Prefix] = r
	}
	return named
}

// neverFailed checks that no session has ever failed, and that each came up once.
func (d *daemon) neverFailed(t testing.TB, when string) {
	t.Helper()
	for _, s := range d.sessions(t) {
		if s.State != "up" || s.Counters.Up != 1 || s.Counters.Down != 0 {
			t.Errorf("%s: the session with %v is %s, was up %d times and down %d times", when, s.Peer, s.State, s.Counters.Up, s.Counters.Down)
		}
	}
}

// kill ends the daemon as a crash would.
func (d *daemon) kill(t testing.TB) {
	t.Helper()
	d.ended = true
	d.signal(t, syscall.SIGKILL)
	<-d.exited
}

// watcher is what ip monitor tells of a host's routes.
func watchRoutes(t testing.TB, h *host) *journal {
	t.Helper()
	j := newJournal(t, "ip monitor")
	c := h.Command(t.Context(), "ip", "monitor", "route", "nexthop")
	c.Stdout = j
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	// It listens once it has told of a route that comes and goes.
	eventually(t, patience, "ip monitor listens", func() bool {
		h.ip(t, "route add 240.0.0.1/32 dev eth0")
		h.ip(t, "route del 240.0.0.1/32 dev eth0")
		return len(j.lines("^Deleted 240.0.0.1")) > 0
	})
	return j
}
