package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestRoutesOfTwins: of two xbfd in a network namespace the first keeps its routes, and
// the second says why it does not keep its own, until the first has gone.
func TestRoutesOfTwins(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	first := u.run(t, "routes: [{prefix: 10.1.0.0/16, via: [192.0.2.1], profile: p, on-exit: withdraw}]\n")
	const one, two = "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20", "10.2.0.0/16 via 203.0.113.1 dev eth1 metric 20"
	u.host.waitRoutes(t, "one", one)
	second := u.run(t, "routes: [{prefix: 10.2.0.0/16, via: [203.0.113.1], profile: p}]\n")
	why := fmt.Sprintf("claimed by process %d of this network namespace", first.status(t).PID)
	if r := finish(t, u.host.Command(t.Context(), xbfdPath, "--control", second.control, "routes")); r.code != 1 || !strings.Contains(r.stderr, why) {
		t.Errorf("xbfd routes: %+v, want %s", r, why)
	}
	if s := second.status(t); !strings.Contains(strings.Join(s.Warnings, "\n"), why) {
		t.Errorf("warnings %q", s.Warnings)
	}
	u.host.waitRoutes(t, "beside another", one)
	if r := finish(t, u.host.Command(t.Context(), xbfdPath, "--control", t.TempDir()+"/none", "cleanup", "--routes")); r.code != 1 {
		t.Errorf("cleanup removes what is kept: %+v", r)
	}
	u.host.waitRoutes(t, "after an attempt to remove it", one)
	first.stop(t)
	u.host.waitRoutes(t, "alone", two)
	if s := second.status(t); strings.Contains(strings.Join(s.Warnings, "\n"), why) {
		t.Errorf("warnings %q", s.Warnings)
	}
}
