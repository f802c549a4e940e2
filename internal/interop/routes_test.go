package interop

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
)

// TestRoutesOutliveACrash kills xbfd and starts it again by a file in which a route
// has come and one has gone: those that are in both are never out of the kernel, none
// is there twice, and what nobody asks for any more goes.
func TestRoutesOutliveACrash(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	const both = `  - {prefix: 198.51.100.0/24, via: [192.0.2.1, 203.0.113.1], profile: p}
  - {prefix: 10.0.0.0/8, via: [192.0.2.1], profile: p, table: 7, on-down: {raise-metric: 5}}
  - {prefix: "2001:db8:ffff::/48", via: [{gateway: "2001:db8:0:2::1", local-address: "2001:db8:0:2::2"}], profile: p}
  - {prefix: 10.9.0.0/16, nexthop-group: 7}
`
	const more = `nexthop-groups: [{id: 7, via: [{gateway: 192.0.2.1, interface: eth0}, {gateway: 203.0.113.1, interface: eth1}], profile: p}]
addresses: [{address: 192.0.2.53/32, peers: [192.0.2.1], profile: p}]
`
	d := u.run(t, "routes:\n"+both+"  - {prefix: 10.1.0.0/16, via: [203.0.113.1], profile: p}\n"+more)
	stay := []string{
		"198.51.100.0/24 metric 20 nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 203.0.113.1 dev eth1 weight 1",
		"10.0.0.0/8 via 192.0.2.1 dev eth0 table 7 metric 20",
		"2001:db8:ffff::/48 via 2001:db8:0:2::1 dev eth1 metric 20",
		"10.9.0.0/16 nhid 7 metric 20 nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 203.0.113.1 dev eth1 weight 1",
	}
	before := append([]string{"10.1.0.0/16 via 203.0.113.1 dev eth1 metric 20"}, stay...)
	u.host.waitRoutes(t, "at first", before...)
	u.host.ip(t, "route add 10.3.0.0/16 via 192.0.2.1 proto static")

	d.kill(t)
	u.host.waitRoutes(t, "nobody keeps them", before...)
	told := watchRoutes(t, u.host)
	d.write(t, upProfile+"routes:\n"+both+"  - {prefix: 10.2.0.0/16, via: [192.0.2.1], profile: p}\n"+more)
	d = launchFile(t, u.host, d.file, d.control)
	d.started(t)
	d.waitUp(t)
	u.host.waitRoutes(t, "after the restart", append([]string{"10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20"}, stay...)...)
	told.wrote(t, 1, "^Deleted 10.1.0.0/16")
	if gone := told.lines("^Deleted"); len(gone) != 1+len(told.lines("^Deleted 240.0.0.1")) || !strings.HasPrefix(gone[len(gone)-1], "Deleted 10.1.0.0/16") {
		t.Errorf("removed were %q", gone)
	}
	for _, prefix := range []string{"198.51.100.0/24", "10.0.0.0/8", "2001:db8:ffff::/48", "10.9.0.0/16", "id 7"} {
		if n := len(told.lines(prefix)); n != 0 {
			t.Errorf("%s was touched: %q", prefix, told.lines(prefix))
		}
	}
	if n := strings.Count(u.host.ip(t, "-o addr show dev lo to 192.0.2.53"), "\n"); n != 1 {
		t.Errorf("the address is there %d times", n)
	}
	if out := u.host.ip(t, "route show proto static"); !strings.HasPrefix(out, "10.3.0.0/16") {
		t.Errorf("what was not ours: %q", out)
	}

	// Until a router has been heard, what leads to it is taken over as it was.
	d.kill(t)
	u.near.signal(t, syscall.SIGSTOP)
	d = launchFile(t, u.host, d.file, d.control)
	d.started(t)
	d.waitState(t, far, "up")
	if r := d.routes(t)["10.0.0.0/8"]; r.State != "installed" || !r.Adopted {
		t.Errorf("%+v", r)
	}
	u.host.waitRoutes(t, "a router is not there", append([]string{"10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20"}, stay...)...)
	u.near.signal(t, syscall.SIGCONT)
	d.waitUp(t)
	u.host.waitRoutes(t, "it is there", append([]string{"10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20"}, stay...)...)
	if s := d.status(t).Routes; s.Refused != 0 || s.Errors != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRoutesAtTheEnd: each route stays or goes as it is configured when xbfd is asked
// to end, which its peers hear of as AdminDown.
func TestRoutesAtTheEnd(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	d := u.run(t, `routes:
  - {prefix: 10.1.0.0/16, via: [192.0.2.1], profile: p}
  - {prefix: 10.2.0.0/16, via: [192.0.2.1], profile: p, on-exit: withdraw}
  - {prefix: 10.3.0.0/16, nexthop-group: 3}
  - {prefix: 10.4.0.0/16, nexthop-group: 4}
nexthop-groups:
  - {id: 3, via: [{gateway: 203.0.113.1, interface: eth1}], profile: p, on-exit: withdraw}
  - {id: 4, via: [{gateway: 203.0.113.1, interface: eth1}], profile: p}
addresses:
  - {address: 192.0.2.53/32, peers: [192.0.2.1], profile: p, on-exit: withdraw}
  - {address: 192.0.2.54/32, peers: [192.0.2.1], profile: p}
`)
	u.host.waitRoutes(t, "at first", "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20", "10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20",
		"10.3.0.0/16 nhid 3 via 203.0.113.1 dev eth1 metric 20", "10.4.0.0/16 nhid 4 via 203.0.113.1 dev eth1 metric 20")
	if code := d.stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	u.host.waitRoutes(t, "after the end", "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20", "10.4.0.0/16 nhid 4 via 203.0.113.1 dev eth1 metric 20")
	if out := u.host.ip(t, "-o addr show dev lo"); strings.Contains(out, "192.0.2.53/32") || !strings.Contains(out, "192.0.2.54/32") {
		t.Errorf("addresses: %s", out)
	}
	if out := u.host.ip(t, "nexthop list protocol 184"); strings.Contains(out, "id 3 ") || !strings.Contains(out, "id 4 group ") || strings.Count(out, "\n") != 2 {
		t.Errorf("nexthops: %s", out)
	}
	// And the next one takes over what has stayed, while the peer still says no.
	d = u.run(t, "routes: [{prefix: 10.1.0.0/16, via: [192.0.2.1], profile: p, on-exit: withdraw}]\n")
	u.host.waitRoutes(t, "the next one", "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20")
	d.stop(t)
	u.host.waitRoutes(t, "its end")
}

// TestRoutesAndAdminDown: a peer that is shut down, by its end or by its operator, has
// not failed, unless that is what a route asks for; one that falls silent has. A route
// with a hold is back only after it.
func TestRoutesAndAdminDown(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	d := u.run(t, `routes:
  - {prefix: 10.1.0.0/16, via: [192.0.2.1], profile: p}
  - {prefix: 10.2.0.0/16, via: [192.0.2.1], profile: p, admin-down: fail}
  - {prefix: 10.3.0.0/16, via: [203.0.113.1], profile: p, hold: 5s}
  - {prefix: 10.4.0.0/16, via: [203.0.113.1], profile: p}
`)
	const one, two = "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20", "10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20"
	const held, free = "10.3.0.0/16 via 203.0.113.1 dev eth1 metric 20", "10.4.0.0/16 via 203.0.113.1 dev eth1 metric 20"
	u.host.waitRoutes(t, "at first", one, two, held, free)

	if r := xbfd(t, u.near.host, "session", "down", "192.0.2.2", "--control", u.near.control); r.code != 0 {
		t.Fatal(r.stderr)
	}
	u.host.waitRoutes(t, "the peer is shut down", one, held, free)
	if r := d.routes(t)["10.1.0.0/16"]; r.State != "installed" || r.Members[0].SessionState != "admin-down" || !r.Members[0].Used {
		t.Errorf("%+v", r)
	}
	if r := xbfd(t, u.near.host, "session", "up", "192.0.2.2", "--control", u.near.control); r.code != 0 {
		t.Fatal(r.stderr)
	}
	u.host.waitRoutes(t, "it is back", one, two, held, free)
	u.near.stop(t)
	u.host.waitRoutes(t, "the peer has ended", one, held, free)
	rows.Covers(t, "5882-3.2-02", "5882-4.2-01")

	u.far.signal(t, syscall.SIGSTOP)
	u.host.waitRoutes(t, "the other is silent", one)
	u.far.signal(t, syscall.SIGCONT)
	u.host.waitRoutes(t, "the other is heard again", one, free)
	back := d.session(t, far).LastChange.At
	if out := xbfd(t, u.host, "routes", "--control", d.control).stdout; !strings.Contains(out, "held back for another") {
		t.Errorf("xbfd routes:\n%s", out)
	}
	u.host.waitRoutes(t, "the hold is over", one, held, free)
	if waited := time.Since(back); waited < 5*time.Second {
		t.Errorf("it was back %v after the other, the hold is 5s", waited)
	}
}

// TestRoutesAtReload adds, changes and removes routes while sessions run: none flaps,
// and only what is different is touched.
func TestRoutesAtReload(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	const first = "routes:\n  - {prefix: 10.1.0.0/16, via: [192.0.2.1], profile: p}\n  - {prefix: 10.9.0.0/16, via: [192.0.2.1, 203.0.113.1], profile: p}\n"
	d := u.run(t, first)
	const nine = "10.9.0.0/16 metric 20 nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 203.0.113.1 dev eth1 weight 1"
	u.host.waitRoutes(t, "at first", nine, "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20")
	told := watchRoutes(t, u.host)
	for _, step := range []struct {
		file string
		want []string
	}{
		{first + "  - {prefix: 10.2.0.0/16, via: [203.0.113.1], profile: p}\n",
			[]string{"10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20", "10.2.0.0/16 via 203.0.113.1 dev eth1 metric 20"}},
		{"routes:\n  - {prefix: 10.9.0.0/16, via: [192.0.2.1, 203.0.113.1], profile: p, hold: 3s}\n  - {prefix: 10.2.0.0/16, via: [192.0.2.1], profile: p}\n",
			[]string{"10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20"}},
		{"routes:\n  - {prefix: 10.9.0.0/16, via: [192.0.2.1, 203.0.113.1], profile: p}\n  - {prefix: 10.2.0.0/16, nexthop-group: 5, metric: 7}\n" +
			"nexthop-groups: [{id: 5, via: [{gateway: 192.0.2.1, interface: eth0}], profile: p}]\n",
			[]string{"10.2.0.0/16 nhid 5 via 192.0.2.1 dev eth0 metric 7"}},
		// The sessions become the file's own, and no longer the routes'.
		{"peers:\n  - {peer: 192.0.2.1, profile: p}\n  - {peer: 203.0.113.1, profile: p}\nroutes:\n  - {prefix: 10.9.0.0/16, via: [192.0.2.1, 203.0.113.1]}\n", nil},
		{first, []string{"10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20"}},
	} {
		if err := d.reload(t, upProfile+step.file); err != nil {
			t.Fatal(err)
		}
		u.host.waitRoutes(t, step.file, append(step.want, nine)...)
		d.neverFailed(t, step.file)
	}
	if touched := told.lines("10.9.0.0"); len(touched) > 0 {
		t.Errorf("the route that stayed as it was: %q", touched)
	}
	if n := d.status(t).Sessions.Total; n != 2 {
		t.Errorf("there are %d sessions", n)
	}
	// A file that is wrong changes nothing.
	err := d.reload(t, upProfile+first+"  - {prefix: 10.3.0.0/16, via: [203.0.113.1], nexthop-group: 5}\n")
	if err == nil || !strings.Contains(err.Error(), "nexthop-group") {
		t.Errorf("%v", err)
	}
	u.host.waitRoutes(t, "after a wrong file", nine, "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20")
	d.neverFailed(t, "after a wrong file")
}

// TestRoutesOfOthers: what somebody else has in a route's place stays, what somebody
// else takes away is put back, and xbfd says what it cannot do.
func TestRoutesOfOthers(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	const theirs = "10.1.0.0/16 via 203.0.113.1 dev eth1 proto static metric 20"
	u.host.ip(t, "route add "+theirs)
	d := u.run(t, `routes:
  - {prefix: 10.1.0.0/16, via: [192.0.2.1], profile: p}
  - {prefix: 10.2.0.0/16, via: [192.0.2.1], profile: p}
  - {prefix: 10.3.0.0/16, via: [{gateway: 198.51.100.9, peer: 192.0.2.1}], profile: p}
`)
	const two = "10.2.0.0/16 via 192.0.2.1 dev eth0 metric 20"
	u.host.waitRoutes(t, "at first", two)
	refused := func(prefix, why string) {
		t.Helper()
		eventually(t, patience, prefix+" is refused", func() bool {
			r := d.routes(t)[prefix]
			return r.State == "refused" && strings.Contains(r.Reason, why) && r.Tries > 1
		})
	}
	refused("10.1.0.0/16", "somebody else's stands in its place")
	refused("10.3.0.0/16", "the gateway is not on a link of this host (the kernel says: ")
	if w := strings.Join(d.status(t).Warnings, "\n"); !strings.Contains(w, "routes and addresses that are not as they are to be: 2;") {
		t.Errorf("warnings: %s", w)
	}
	stands := func(when string) {
		t.Helper()
		if out := strings.Join(strings.Fields(u.host.ip(t, "route show proto static")), " "); out != strings.Replace(theirs, "proto static ", "", 1) {
			t.Errorf("%s theirs is %q", when, out)
		}
	}
	stands("at first")

	u.host.ip(t, "route del 10.2.0.0/16 proto 184")
	u.host.waitRoutes(t, "somebody has removed it", two)
	u.host.ip(t, "route replace 10.2.0.0/16 via 203.0.113.1 metric 20 proto bird")
	refused("10.2.0.0/16", "somebody else's stands in its place")
	u.host.waitRoutes(t, "somebody has replaced it")
	u.near.signal(t, syscall.SIGSTOP)
	d.waitState(t, near, "down")
	u.near.signal(t, syscall.SIGCONT)
	d.waitState(t, near, "up")
	stands("after a failure")
	if out := u.host.ip(t, "route show proto bird"); !strings.Contains(out, "10.2.0.0/16 via 203.0.113.1") {
		t.Errorf("what had replaced it is %q", out)
	}
	u.host.ip(t, "route del 10.2.0.0/16 proto bird")
	u.host.ip(t, "route del 10.1.0.0/16 proto static")
	u.host.waitRoutes(t, "they have gone", two, "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20")

	// A link that appears makes the gateway reachable at once.
	u.host.AddAddr(t, "eth1", "198.51.100.2/24")
	u.host.waitRoutes(t, "a link to the gateway", two, "10.1.0.0/16 via 192.0.2.1 dev eth0 metric 20", "10.3.0.0/16 via 198.51.100.9 dev eth1 metric 20")
}

// TestRoutesBeforeTheFirstUp: a gateway whose session was never up is not used, unless
// that is what a route asks for; and one whose interface is not there waits for it.
func TestRoutesBeforeTheFirstUp(t *testing.T) {
	t.Parallel()
	u := newUplinks(t)
	d := start(t, u.host, upProfile+`routes:
  - {prefix: 10.1.0.0/16, via: [192.0.2.77], profile: p}
  - {prefix: 10.2.0.0/16, via: [192.0.2.77], profile: p, initial: present}
  - {prefix: 10.3.0.0/16, via: [192.0.2.77, 203.0.113.1], profile: p}
  - {prefix: 10.4.0.0/16, via: [{gateway: 192.0.2.88, interface: eth7}], profile: p, initial: present}
`)
	u.host.waitRoutes(t, "before the first up", "10.2.0.0/16 via 192.0.2.77 dev eth0 metric 20", "10.3.0.0/16 via 203.0.113.1 dev eth1 metric 20")
	list := d.routes(t)
	if r := list["10.1.0.0/16"]; r.State != "absent" || r.Members[0].SessionState != "unknown" || r.Members[0].Session.Discr == 0 {
		t.Errorf("%+v", r)
	}
	if r := list["10.4.0.0/16"]; r.State != "refused" || !strings.Contains(r.Reason, "there is no such interface") {
		t.Errorf("%+v", r)
	}
}

// TestRoutesByMultihop: a route whose gateway is a router that has no BFD follows a
// session with the host at the far end of the path.
func TestRoutesByMultihop(t *testing.T) {
	t.Parallel()
	n := newRouted(t)
	other := start(t, n.b, "fast-path: {insurance: off}\n"+farSession(n.b, n.a, families[0], ""))
	d := start(t, n.a, fmt.Sprintf("shutdown-hold: 500ms\nprofiles: {far: {transmit-interval: %v, receive-interval: %[1]v, detect-multiplier: %d}}\n"+
		"routes: [{prefix: 10.0.0.0/8, via: [{gateway: 192.0.2.254, peer: %s, local-address: %s, multihop: true}], profile: far}]\n",
		farInterval, mult, n.b.v4, n.a.v4))
	const route = "10.0.0.0/8 via 192.0.2.254 dev a metric 20"
	n.a.waitRoutes(t, "the far end is up", route)
	if s := d.session(t, n.b.v4); !s.Multihop || s.Owner != "routes" {
		t.Errorf("%+v", s)
	}
	other.signal(t, syscall.SIGSTOP)
	n.a.waitRoutes(t, "the far end is silent")
	other.signal(t, syscall.SIGCONT)
	n.a.waitRoutes(t, "the far end is back", route)
	// The way to it is another one now, and nothing has failed.
	n.detour(t)
	eventually(t, patience, "packets take the detour", func() bool { return d.session(t, n.b.v4).Interface == spare })
	time.Sleep(mult * farInterval)
	if s := d.session(t, n.b.v4); s.Counters.Down != 1 {
		t.Errorf("it has failed %d times", s.Counters.Down)
	}
	n.a.waitRoutes(t, "the detour", route)
}
