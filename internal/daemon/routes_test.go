package daemon

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// ip runs a command of iproute2 in a namespace and returns its lines.
func ip(t testing.TB, n *testnet.NS, args string) []string {
	t.Helper()
	var out []byte
	err := n.Do(func() (err error) {
		out, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// host is a host with routes, between routers that can be cut off one by one.
type host struct {
	*end
	t       *testing.T
	ns      *testnet.NS
	bridge  *testnet.Bridge
	routers []*testnet.NS
}

// newHost makes a host with routers 192.0.2.11 and 192.0.2.12 (2001:db8::11 and
// so on), whose daemons have sessions with it.
func newHost(t *testing.T, file string) *host {
	t.Helper()
	h := &host{t: t, ns: testnet.NewNS(t, "host"), bridge: testnet.NewBridge(t)}
	h.bridge.Join(t, h.ns, "eth0")
	h.ns.AddAddr(t, "eth0", "192.0.2.1/24")
	h.ns.AddAddr(t, "eth0", "2001:db8::1/64")
	for _, n := range []int{11, 12} {
		ns := testnet.NewNS(t, "router")
		h.bridge.Join(t, ns, "eth0")
		ns.AddAddr(t, "eth0", fmt.Sprintf("192.0.2.%d/24", n))
		ns.AddAddr(t, "eth0", fmt.Sprintf("2001:db8::%d/64", n))
		startEnd(t, ns, "udp", fmt.Sprintf("192.0.2.%d", n), "192.0.2.1",
			fmt.Sprintf(", detect-multiplier: 20\n  - {peer: \"2001:db8::1\", local-address: \"2001:db8::%d\", transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: 20}\n", n))
		h.routers = append(h.routers, ns)
	}
	h.start(file)
	return h
}

func (h *host) start(file string) {
	h.t.Helper()
	h.end = startSource(h.t, h.ns, "transport: udp\nshutdown-hold: 0s\nprofiles: {p: {transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: 20}}\n"+file)
}

// cut and mend have no frame, or every frame, come from a router.
func (h *host) cut(i int)  { h.bridge.Cut(h.t, h.routers[i], "eth0") }
func (h *host) mend(i int) { h.bridge.Restore(h.t, h.routers[i], "eth0") }

// ours waits until there are these routes of ours, as ip shows them.
func (h *host) ours(when string, want ...string) {
	h.t.Helper()
	var got []string
	ok := func() bool {
		got = nil
		for _, f := range []string{"-4", "-6"} {
			for _, line := range ip(h.t, h.ns, f+" route show table all proto 184") {
				line = strings.TrimSuffix(strings.NewReplacer("dev eth0 ", "", "proto 184 ", "", " pref medium", "").Replace(line), " ")
				if strings.HasPrefix(line, "nexthop") {
					got[len(got)-1] += " " + line
				} else {
					got = append(got, line)
				}
			}
		}
		return slices.Equal(got, want)
	}
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%s: (-want +got):\n%s\n%s", when, cmp.Diff(want, got), &h.log)
		}
	}
}

const hostFile = `
routes:
  - {prefix: 198.51.100.0/24, via: [192.0.2.11, 192.0.2.12], profile: p}
  - {prefix: 0.0.0.0/0, via: [192.0.2.11], profile: p, on-down: {raise-metric: 1000}, source: 192.0.2.1}
  - {prefix: 203.0.113.0/24, via: [192.0.2.11], table: 100, metric: 7, profile: p}
  - {prefix: "2001:db8:1::/48", via: [{gateway: "2001:db8::11", local-address: "2001:db8::1"}, {gateway: "2001:db8::12", local-address: "2001:db8::1"}], profile: p}
addresses:
  - {address: 192.0.2.53/32, peers: [192.0.2.11], profile: p}
  - {address: "2001:db8::53/128", peers: [192.0.2.11, 192.0.2.12], require: all, profile: p}
`

// TestRoutesFollowSessions: routes with one and several gateways, of both families,
// in another table, with a metric that is raised, and addresses, follow real sessions
// when a router falls silent and comes back.
func TestRoutesFollowSessions(t *testing.T) {
	t.Parallel()
	testnet.RequireRoot(t)
	h := newHost(t, hostFile)
	all := []string{
		"203.0.113.0/24 via 192.0.2.11 table 100 metric 7", "default via 192.0.2.11 src 192.0.2.1 metric 20",
		"198.51.100.0/24 metric 20 nexthop via 192.0.2.11 weight 1 nexthop via 192.0.2.12 weight 1",
		"2001:db8:1::/48 metric 20 nexthop via 2001:db8::11 weight 1 nexthop via 2001:db8::12 weight 1",
	}
	h.ours("all sessions are up", all...)
	h.addresses("all are up", "192.0.2.53/32", "2001:db8::53/128")

	h.cut(0)
	h.ours("a router is silent",
		"default via 192.0.2.11 src 192.0.2.1 metric 1020", "198.51.100.0/24 via 192.0.2.12 metric 20", "2001:db8:1::/48 via 2001:db8::12 metric 20")
	h.addresses("a router is silent")
	st, err := h.Status(t.Context())
	if err != nil || st.Routes.Total != 6 || st.Routes.Installed != 2 || st.Routes.Raised != 1 || st.Routes.Absent != 3 || st.Routes.Errors != 0 {
		t.Errorf("%+v, %v", st.Routes, err)
	}
	h.mend(0)
	h.ours("it is back", all...)
	h.addresses("it is back", "192.0.2.53/32", "2001:db8::53/128")

	s, err := h.Session(t.Context(), control.Target{X: "192.0.2.11"})
	if err != nil || s.Owner != "routes" || s.Profile != "p" {
		t.Errorf("the session that was made: %+v, %v", s, err)
	}
	if text := h.log.String(); !strings.Contains(text, `msg=route-removed what="203.0.113.0/24 via 192.0.2.11`) ||
		!strings.Contains(text, "state=down after=") {
		t.Errorf("the log says nothing of it:\n%s", text)
	}
	rows.CoversOn(t, rows.Wire, "5882-5-01")
}

// addresses waits until lo has these of ours.
func (h *host) addresses(when string, want ...string) {
	h.t.Helper()
	var got []string
	ok := func() bool {
		got = nil
		for _, line := range ip(h.t, h.ns, "-o addr show dev lo") {
			if f := strings.Fields(line); strings.Contains(line, "53/") {
				got = append(got, f[3])
			}
		}
		return slices.Equal(got, want)
	}
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%s: on lo %q, want %q\n%s", when, got, want, &h.log)
		}
	}
}
