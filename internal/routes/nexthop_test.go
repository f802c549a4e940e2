package routes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nexthops returns what the kernel has of ours, without the ids of gateways.
func (p *place) nexthops() (groups, gateways []string) {
	p.t.Helper()
	ids := map[string]string{}
	var lines [][]string
	for line := range strings.Lines(p.ip("nexthop list protocol 184")) {
		f := strings.Fields(line)
		lines = append(lines, f)
		if f[2] == "via" {
			ids[f[1]] = f[3]
			gateways = append(gateways, f[3])
		}
	}
	for _, f := range lines {
		if f[2] == "group" {
			var to []string
			for _, member := range strings.Split(f[3], "/") {
				id, weight, _ := strings.Cut(member, ",")
				to = append(to, strings.TrimSuffix(ids[id]+","+weight, ","))
			}
			slices.Sort(to)
			groups = append(groups, f[1]+": "+strings.Join(to, " "))
		}
	}
	slices.Sort(gateways)
	return groups, gateways
}

// wait waits until there are these groups, and nexthops to these gateways.
func (p *place) wait(when string, groups, gateways []string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		gotGroups, gotGateways := p.nexthops()
		diff := cmp.Diff([][]string{groups, gateways}, [][]string{gotGroups, gotGateways})
		if diff == "" {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s (-want +got):\n%s\n%s", when, diff, p.ip("-d nexthop"))
		}
	}
}

// tells waits until what ip says has a text in it so often.
func (p *place) tells(when, args, text string, want int) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		out := p.ip(args)
		got := strings.Count(out, text)
		if got == want {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: ip %s has %s %d times, want %d:\n%.2000s", when, args, text, got, want, out)
		}
	}
}

// kill ends the Manager as the end of its process would: it removes nothing.
func (p *place) kill() {
	p.m.mu.Lock()
	p.m.closed = true
	p.m.mu.Unlock()
	if err := p.m.o.Kernel.Close(); err != nil {
		p.t.Error(err)
	}
	<-p.m.done
}

func none() []string { return nil }

func up(sessions ...string) (told []Told) {
	for _, s := range sessions {
		told = append(told, Told{Session: key(s), State: Up})
	}
	return told
}

func down(sessions ...string) (told []Told) {
	for _, s := range sessions {
		told = append(told, Told{Session: key(s), State: Down})
	}
	return told
}

const v6 = "2001:db8::1"

// TestNexthopGroup: routes of both families by groups, in a real kernel.
func TestNexthopGroup(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	g := group(7, nil, a, b)
	g.Members[0].Weight = 3
	mixed := group(8, nil, v6)
	specs := []Spec{by(dst, 7), by("203.0.113.0/24", 7), g, mixed, by("2001:db8:1::/48", 8), by("198.51.101.0/24", 8)}
	p.m.Set(specs, up(a, b, v6))
	p.wait("all are up", []string{"7: 192.0.2.1,3 192.0.2.2", "8: 2001:db8::1"}, []string{a, b, v6})
	p.tells("by the group", "-4 "+ours, "nhid 7", 2)
	p.tells("IPv6 by a group", "-6 "+ours, "nhid 8", 1)
	p.tells("IPv4 by a group of IPv6", "-4 "+ours, "nhid 8 via inet6", 1)

	if n := len(p.m.Tell(down(a))); n != 1 {
		t.Errorf("one gateway has failed: %d changes", n)
	}
	p.wait("one has failed", []string{"7: 192.0.2.2", "8: 2001:db8::1"}, []string{a, b, v6})
	if n := len(p.m.Tell(down(b, v6))); n != 6 {
		t.Errorf("all gateways have failed: %d changes", n)
	}
	p.wait("all have failed", none(), []string{a, b, v6})
	p.has("all have failed", "-4 "+ours, 0)
	p.has("all have failed", "-6 "+ours, 0)
	if n := len(p.m.Tell(up(a, b, v6))); n != 6 {
		t.Errorf("all are back: %d changes", n)
	}
	p.wait("all are back", []string{"7: 192.0.2.1,3 192.0.2.2", "8: 2001:db8::1"}, []string{a, b, v6})
	p.tells("all are back", "-4 "+ours, "nhid", 3)
	p.tells("all are back", "-6 "+ours, "nhid 8", 1)

	// The kernel takes nexthops away with their link.
	p.ns.SetDown(t, "eth0")
	p.wait("the link is down", none(), none())
	p.ns.SetUp(t, "eth0")
	p.ns.AddAddr(t, "eth0", "2001:db8::9/64") // it went with the link
	p.tells("the link is up", "-4 "+ours, "nhid", 3)

	// Somebody removes one, and with it the routes that lead to it.
	p.ip("nexthop del id 7")
	p.tells("a group was removed", "-4 "+ours, "nhid 7", 2)

	p.m.Set([]Spec{g}, up(a, b))
	p.wait("a group alone", []string{"7: 192.0.2.1,3 192.0.2.2"}, []string{a, b})
	p.m.Set([]Spec{route(dst, nil, a)}, up(a))
	p.wait("none is asked for", none(), none())
	p.has("a route", "-4 "+ours, 1)
	if n, err := p.m.Totals(); err != nil || n.Refused != 0 {
		t.Errorf("%+v", n)
	}
}

// TestNexthopGroupLeft: a killed process's groups are taken over, and one that ends
// leaves what it is to leave.
func TestNexthopGroupLeft(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	stays, goes := group(7, nil, a, b), group(8, func(s *Spec) { s.Withdraw = true }, a)
	p.m.Set([]Spec{stays, goes, by(dst, 7), by("203.0.113.0/24", 8), group(9, nil, "192.0.2.3")}, up(a, b, "192.0.2.3"))
	p.wait("at first", []string{"7: 192.0.2.1 192.0.2.2", "8: 192.0.2.1", "9: 192.0.2.3"}, []string{a, b, "192.0.2.3"})
	before := p.ip("nexthop")
	p.kill()
	p.open()
	again := []Spec{stays, goes, by(dst, 7), by("203.0.113.0/24", 8)}
	if changes := p.m.Set(again, nil); len(changes) != 1 || changes[0].Verb != Remove || changes[0].Object.ID != 9 {
		t.Errorf("adopting did %+v", changes)
	}
	p.wait("adopted", []string{"7: 192.0.2.1 192.0.2.2", "8: 192.0.2.1"}, []string{a, b})
	for line := range strings.Lines(p.ip("nexthop")) {
		if !strings.Contains(before, line) {
			t.Errorf("not there before: %s", line)
		}
	}
	for _, s := range p.m.Statuses() {
		if s.Standing != Installed {
			t.Errorf("%+v", s)
		}
	}
	p.m.Close()
	p.wait("after the end", []string{"7: 192.0.2.1 192.0.2.2"}, []string{a, b})
	p.tells("after the end", "-4 "+ours, "nhid", 1)
}

// TestForeignNexthops: what others have stays, in whatever way it stands in our way.
func TestForeignNexthops(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.ip("nexthop add id 1 via 192.0.2.7 dev eth0")
	p.ip("nexthop add id 7 group 1")
	p.ip("nexthop add id 2147483648 via 192.0.2.8 dev eth0")
	p.ip("route add 192.0.2.128/32 nhid 7")
	theirs := p.ip("nexthop")
	p.m.Set([]Spec{group(7, nil, a), by(dst, 7), group(8, nil, a)}, up(a))
	for _, s := range p.m.Statuses()[:2] {
		if s.Standing != Refused || !strings.Contains(fmt.Sprint(s.Err), "somebody else's nexthop has this id") {
			t.Errorf("%+v", s)
		}
	}
	p.wait("one is free", []string{"8: 192.0.2.1"}, []string{a})
	p.m.Tell(down(a))
	p.m.Set(nil, nil)
	if now := p.ip("nexthop"); now != theirs {
		t.Errorf("there were\n%s now there are\n%s", theirs, now)
	}
	p.has("theirs", "route show 192.0.2.128/32", 1)

	p.m.Set([]Spec{group(8, nil, a)}, up(a))
	p.ip("nexthop del id 8")
	p.ip("nexthop add id 8 group 1")
	theirs = p.ip("nexthop list id 8")
	p.m.Tell(down(a)) // whether or not it has been heard of by now
	if now := p.ip("nexthop list id 8"); now != theirs {
		t.Errorf("there was\n%s now there is\n%s", theirs, now)
	}
	p.m.Set([]Spec{group(9, nil, "10.9.9.9")}, up("10.9.9.9"))
	if s := p.m.Statuses()[0]; s.Standing != Refused || !strings.Contains(fmt.Sprint(s.Err), "not on a link of this host") {
		t.Errorf("%+v", s)
	}
}

// TestManyRoutesByGroup takes the time from the failure of one of two gateways, and of
// the last, until the kernel has changed all the routes of a group.
func TestManyRoutesByGroup(t *testing.T) {
	for _, told := range []string{"1", "0"} {
		testManyRoutesByGroup(t, told)
	}
}

// testManyRoutesByGroup has the kernel tell of each route of a changed group, or not.
func testManyRoutesByGroup(t *testing.T, told string) {
	p := newPlace(t)
	p.ns.Sysctl(t, "net/ipv4/nexthop_compat_mode", told)
	const n = 1000
	specs := []Spec{group(7, nil, a, b)}
	for i := range n {
		specs = append(specs, by(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24).String(), 7))
	}
	p.m.Set(specs, up(a, b))
	p.tells("all are up", "-4 "+ours, "nhid 7", n)
	var one, last []time.Duration
	for range 9 {
		at := time.Now()
		if done := len(p.m.Tell(down(a))); done != 1 {
			t.Fatalf("%d changes for one gateway", done)
		}
		one = append(one, time.Since(at))
		at = time.Now()
		if done := len(p.m.Tell(down(b))); done != n+1 {
			t.Fatalf("%d changes for the last gateway", done)
		}
		last = append(last, time.Since(at))
		p.m.Tell(up(a, b))
	}
	for what, times := range map[string][]time.Duration{"one of two gateways": one, "the last gateway": last} {
		slices.Sort(times)
		t.Logf("%d routes, each told of: %s; %s failed: p50 %v, max %v of %d", n, told, what, times[len(times)/2], times[len(times)-1], len(times))
	}
	p.m.Tell(down(a))
	p.wait("one has failed", []string{"7: 192.0.2.2"}, []string{a, b})
	p.m.Tell(down(b))
	p.has("both have", "-4 "+ours, 0)
}

// TestOtherFamily: IPv4 by way of IPv6 gateways (RFC 8950), one and several.
func TestOtherFamily(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	local := route("203.0.113.0/24", nil, "fe80::1", v6)
	local.Members[0].Interface = "eth0"
	p.m.Set([]Spec{route(dst, nil, v6), local}, up(v6, "fe80::1"))
	p.has("one gateway", "-4 "+ours+" "+dst, 1)
	p.has("two gateways", "-4 "+ours+" 203.0.113.0/24", 3)
	if text := p.ip("-4 " + ours); !strings.Contains(text, dst+" via inet6 2001:db8::1 dev eth0") || !strings.Contains(text, "nexthop via inet6 fe80::1 dev eth0") {
		t.Errorf("there is\n%s", text)
	}
	// What the kernel tells of them is what was asked for.
	if changes := p.m.Set([]Spec{route(dst, nil, v6), local}, up(v6, "fe80::1")); len(changes) != 0 {
		t.Errorf("the same again did %+v", changes)
	}
	p.m.Tell(down(v6))
	p.has("one has failed", "-4 "+ours+" via inet6 fe80::1", 1)
	p.has("one has failed", "-4 "+ours, 1)
}
