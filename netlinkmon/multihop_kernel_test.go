package netlinkmon

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// by awaits a path that leaves by an interface to a router whose MAC is known.
func (f *follower) by(id uint32, ifname, router string) Path {
	f.t.Helper()
	return f.await(id, "path by "+ifname+" and "+router, func(p Path) bool {
		return p.Ready && p.Interface == ifname && p.NextHop == ip(router) && p.MACKnown
	})
}

// RFC 5883: interface and next hop may change while a session lives. Its
// addresses stay, and what is sent along the path arrives.
func TestMultihopRouteMoves(t *testing.T) {
	for _, c := range []struct {
		target   Target
		dst      string
		one, two string
	}{
		{far4, "10.0.0.2/32", "192.0.2.2", "198.51.100.2"},
		{far6, "2001:db8::b/128", "2001:db8:1::2", "2001:db8:2::2"},
	} {
		t.Run(c.dst, func(t *testing.T) {
			n := newMesh(t)
			m := n.follow()
			m.Watch(1, c.target)
			m.reason(1, "no route to "+c.target.Peer.String())
			n.replace(c.dst, "x1", c.one)
			p := m.by(1, "x1", c.one)
			if p.Local != c.target.Local || p.Peer != c.target.Peer || p.Ifindex != n.a.Ifindex(t, "x1") ||
				p.LocalMAC != packet.MAC(n.a.MAC(t, "x1")) || p.PeerMAC != packet.MAC(n.r.MAC(t, "y1")) || p.OffLink {
				t.Errorf("have %+v", p)
			}
			listener := n.listener(c.target.Peer)
			n.arrives(listener, p)

			var took []time.Duration
			for _, to := range [][3]string{{"x2", c.two, "y2"}, {"x1", c.one, "y1"}, {"x2", c.two, "y2"}} {
				start := time.Now()
				n.replace(c.dst, to[0], to[1])
				p = m.by(1, to[0], to[1])
				took = append(took, time.Since(start))
				if p.Local != c.target.Local || p.PeerMAC != packet.MAC(n.r.MAC(t, to[2])) {
					t.Errorf("have %+v", p)
				}
				n.arrives(listener, p)
			}
			t.Logf("path followed the route in %v", took)
			if slices.Min(took) > time.Second { // the machine may be busy in some
				t.Errorf("took %v", took)
			}
			testnet.Eventually(t, patience, "next hop kept", func() bool { return n.keeps("x2", c.two) })
			testnet.Eventually(t, patience, "next hop before let go", func() bool { return !n.keeps("x1", c.one) })
		})
	}
}

// keeps says whether a has the kernel keep a neighbour resolved.
func (m *mesh) keeps(ifname, addr string) bool {
	m.t.Helper()
	return slices.ContainsFunc(m.a.Neighs(m.t, ifname), func(e netlink.Neigh) bool {
		return e.IP.String() == addr && managed(&e)
	})
}

// rejects are the types of routes that lead nowhere, and what is said of them.
var rejects = map[int]string{
	unix.RTN_BLACKHOLE: "is a blackhole", unix.RTN_UNREACHABLE: "says unreachable", unix.RTN_PROHIBIT: "says prohibited",
}

func TestMultihopRouteGoesAndComes(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	n.replace("10.0.0.0/24", "x1", "192.0.2.2")
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	start := time.Now()
	n.must(n.routes.RouteDel(n.way("10.0.0.0/24", "x1", "192.0.2.2")))
	if p := m.reason(1, "no route to 10.0.0.2"); p.Ifindex != 0 || p.Local != far4.Local {
		t.Errorf("have %+v", p)
	}
	t.Logf("withdrawn: told after %v", time.Since(start))
	n.replace("10.0.0.0/24", "x1", "192.0.2.2")
	m.by(1, "x1", "192.0.2.2")

	// The kernel flushes the routes of an interface that goes down in silence.
	n.a.SetDown(t, "x1")
	m.reason(1, "no route to 10.0.0.2")
	n.replace("0.0.0.0/0", "x2", "198.51.100.2")
	m.by(1, "x2", "198.51.100.2")
	for kind, reason := range rejects {
		r := n.way("10.0.0.2/32", "", "")
		r.Type = kind
		n.must(n.routes.RouteAdd(r))
		m.reason(1, "route to 10.0.0.2 "+reason)
		n.must(n.routes.RouteDel(r))
		m.by(1, "x2", "198.51.100.2")
	}
	n.a.DelAddr(t, "lo", "10.0.0.1/32")
	m.reason(1, "no interface has address 10.0.0.1")
	n.a.AddAddr(t, "lo", "10.0.0.1/32")
	m.by(1, "x2", "198.51.100.2")
	n.a.DelLink(t, "x2")
	m.reason(1, "no route to 10.0.0.2")
	m.Unwatch(1)
	m.do(func() {
		if len(m.loop.state.lookups.answers) != 0 {
			t.Errorf("left over: %v", m.loop.state.lookups.answers)
		}
	})
}

// Types of IPv6 routes come in another form than those of IPv4.
func TestMultihopRejectRoutes6(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	n.replace("::/0", "x1", "2001:db8:1::2")
	m.Watch(1, far6)
	m.by(1, "x1", "2001:db8:1::2")
	for kind, reason := range rejects {
		r := n.way("2001:db8::b/128", "lo", "")
		r.Type = kind
		n.must(n.routes.RouteAdd(r))
		m.reason(1, "route to 2001:db8::b "+reason)
		n.must(n.routes.RouteDel(r))
		m.by(1, "x1", "2001:db8:1::2")
	}
}

func TestMultihopRouterChangesMAC(t *testing.T) {
	n := newMesh(t)
	n.a.Sysctl(t, "net/ipv4/neigh/x1/locktime", "0")
	n.replace("10.0.0.2/32", "x1", "192.0.2.2")
	m := n.follow()
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	other := net.HardwareAddr{2, 0, 0, 0, 9, 1}
	n.r.SetMAC(t, "y1", other)
	start := time.Now()
	announcer(t, n.r, "y1", "192.0.2.2")(other)
	p := m.known(1, other)
	t.Logf("told after %v", time.Since(start))
	n.arrives(n.listener(far4.Peer), p)
	n.a.Neigh(t, "x1", "192.0.2.2", net.HardwareAddr{2, 0, 0, 0, 9, 2})
	m.known(1, net.HardwareAddr{2, 0, 0, 0, 9, 2})
}

// A named interface restricts the routes; without a route by it there is none,
// whatever the kernel would do with a packet bound to it.
func TestMultihopByNamedInterface(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	for i, base := range []Target{far4, far6} {
		base.Interface = "x2"
		m.Watch(uint32(i), base)
	}
	n.replace("10.0.0.2/32", "x1", "192.0.2.2")
	n.replace("2001:db8::b/128", "x1", "2001:db8:1::2")
	m.reason(0, "no route to 10.0.0.2 by interface x2")
	m.reason(1, "no route to 2001:db8::b by interface x2")
	// Of less worth than the other route, so that only the restriction finds it.
	for _, r := range []*netlink.Route{
		n.way("10.0.0.2/32", "x2", "198.51.100.2"), n.way("2001:db8::b/128", "x2", "2001:db8:2::2"),
	} {
		r.Priority = 5000
		n.must(n.routes.RouteAdd(r))
	}
	m.by(0, "x2", "198.51.100.2")
	m.by(1, "x2", "2001:db8:2::2")
	n.a.SetDown(t, "x2")
	m.reason(0, "interface x2 is down")
	m.reason(1, "interface x2 is down")
}

// Rules and tables are the kernel's business, and so is a router of the other
// family.
func TestMultihopRulesAndFamilies(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	n.replace("10.0.0.2/32", "x1", "192.0.2.2")
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	r := n.way("10.0.0.2/32", "x2", "198.51.100.2")
	r.Table = 100
	n.must(n.routes.RouteAdd(r))
	rule := netlink.NewRule()
	rule.Src, rule.Table, rule.Priority = n.way("10.0.0.1/32", "", "").Dst, 100, 50
	n.must(n.routes.RuleAdd(rule))
	m.by(1, "x2", "198.51.100.2")
	n.must(n.routes.RouteDel(r))
	m.by(1, "x1", "192.0.2.2")
	n.must(n.routes.RouteAdd(r))
	m.by(1, "x2", "198.51.100.2")
	n.must(n.routes.RuleDel(rule))
	m.by(1, "x1", "192.0.2.2")

	n.replace("10.0.0.2/32", "x2", "2001:db8:2::2")
	p := m.by(1, "x2", "2001:db8:2::2")
	if p.PeerMAC != packet.MAC(n.r.MAC(t, "y2")) {
		t.Errorf("have %+v", p)
	}
	n.arrives(n.listener(far4.Peer), p)
}

// What the kernel tells nobody is found all the same, though later.
func TestMultihopRefresh(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	n.replace("10.0.0.2/32", "x1", "192.0.2.2")
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	redirected := answer{kind: unix.RTN_UNICAST, ifindex: n.a.Ifindex(t, "x2"), router: ip("198.51.100.2")}
	m.do(func() {
		m.loop.asks.route = func(query) answer { return redirected }
		m.loop.asks.refresh = time.After(0)
	})
	m.by(1, "x2", "198.51.100.2")
	m.do(func() {
		if m.loop.asks.refresh == nil {
			t.Error("this was the last time")
		}
	})
}

// When events were lost, routes are asked for again with all the rest.
func TestMultihopLostEvents(t *testing.T) {
	n := newMesh(t)
	n.replace("10.0.0.2/32", "x1", "192.0.2.2")
	m := n.follow()
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	m.do(func() {
		fd := m.loop.feed.socket.GetFd()
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, unix.RTNLGRP_IPV4_ROUTE); err != nil {
			t.Error(err)
		}
	})
	n.replace("10.0.0.2/32", "x2", "198.51.100.2")
	m.quiet(50 * time.Millisecond)
	m.do(func() { m.loop.take(batch{lost: unix.ENOBUFS}) })
	m.by(1, "x2", "198.51.100.2")
}
