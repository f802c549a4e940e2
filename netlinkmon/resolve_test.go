package netlinkmon

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestResolve(t *testing.T) {
	mac2, mac3 := packet.MAC{2, 0, 0, 0, 0, 2}, packet.MAC{2, 0, 0, 0, 0, 3}
	for _, c := range []struct {
		name string
		more []event
		t    Target
		want Path // Peer and NextHop are the target's
	}{
		{"all given", nil, Target{Peer: ip("192.0.2.9"), Local: ip("192.0.2.1"), Interface: "eth0"},
			Path{Ready: true, Ifindex: 2, Interface: "eth0", Local: ip("192.0.2.1"), LocalMAC: mac2, Up: true}},
		{"local chosen", nil, Target{Peer: ip("192.0.2.9"), Interface: "eth0"},
			Path{Ready: true, Ifindex: 2, Interface: "eth0", Local: ip("192.0.2.1"), LocalMAC: mac2, Up: true}},
		{"all chosen", nil, Target{Peer: ip("198.51.100.9")},
			Path{Ready: true, Ifindex: 3, Interface: "eth1", Local: ip("198.51.100.1"), LocalMAC: mac3, Up: true}},
		{"interface chosen", nil, Target{Peer: ip("198.51.100.9"), Local: ip("198.51.100.1")},
			Path{Ready: true, Ifindex: 3, Interface: "eth1", Local: ip("198.51.100.1"), LocalMAC: mac3, Up: true}},
		{"IPv6 chosen", nil, Target{Peer: ip("2001:db8::9")},
			Path{Ready: true, Ifindex: 2, Interface: "eth0", Local: ip("2001:db8::1"), LocalMAC: mac2, Up: true}},
		{"link-local", nil, Target{Peer: ip("fe80::9"), Interface: "eth1"},
			Path{Ready: true, Ifindex: 3, Interface: "eth1", Local: ip("fe80::3"), LocalMAC: mac3, Up: true}},
		{"link-local by zone", nil, Target{Peer: ip("fe80::9%eth1")},
			Path{Ready: true, Ifindex: 3, Interface: "eth1", Local: ip("fe80::3"), LocalMAC: mac3, Up: true}},
		{"loopback", nil, Target{Peer: ip("127.0.0.1"), Local: ip("127.0.0.1")},
			Path{Ready: true, Ifindex: 1, Interface: "lo", Local: ip("127.0.0.1"), Up: true}},
		{"IPv4-mapped", nil, Target{Peer: ip("::ffff:192.0.2.9"), Local: ip("::ffff:192.0.2.1")},
			Path{Ready: true, Ifindex: 2, Interface: "eth0", Local: ip("192.0.2.1"), LocalMAC: mac2, Up: true}},

		{"no such interface", nil, Target{Peer: ip("192.0.2.9"), Interface: "eth7"},
			Path{Interface: "eth7", Reason: "interface eth7 does not exist"}},
		{"interface down", []event{addLink(2, "eth0", down)}, Target{Peer: ip("192.0.2.9")},
			Path{Ifindex: 2, Interface: "eth0", LocalMAC: mac2, Reason: "interface eth0 is down"}},
		{"no carrier", []event{addLink(2, "eth0", noCable)}, Target{Peer: ip("192.0.2.9")},
			Path{Ready: true, Ifindex: 2, Interface: "eth0", Local: ip("192.0.2.1"), LocalMAC: mac2}},
		{"renamed", []event{addLink(2, "wan", up)}, Target{Peer: ip("192.0.2.9"), Interface: "eth0"},
			Path{Interface: "eth0", Reason: "interface eth0 does not exist"}},
		{"address elsewhere", nil, Target{Peer: ip("192.0.2.9"), Local: ip("198.51.100.1"), Interface: "eth0"},
			Path{Ifindex: 2, Interface: "eth0", Local: ip("198.51.100.1"), LocalMAC: mac2, Up: true,
				Reason: "address 198.51.100.1 is not on interface eth0"}},
		{"address nowhere", nil, Target{Peer: ip("192.0.2.9"), Local: ip("203.0.113.1")},
			Path{Local: ip("203.0.113.1"), Reason: "no interface has address 203.0.113.1"}},
		{"address does not fit the peer", nil, Target{Peer: ip("192.0.2.9"), Local: ip("198.51.100.1")},
			Path{Local: ip("198.51.100.1"), Reason: "no interface is directly connected to 192.0.2.9"}},
		{"address tentative", []event{addAddr(2, "2001:db8::1/64", unix.IFA_F_TENTATIVE)},
			Target{Peer: ip("2001:db8::9"), Local: ip("2001:db8::1"), Interface: "eth0"},
			Path{Ifindex: 2, Interface: "eth0", Local: ip("2001:db8::1"), LocalMAC: mac2, Up: true,
				Reason: "address 2001:db8::1 on interface eth0 is tentative or a duplicate"}},
		{"only a duplicate to choose", []event{addAddr(3, "fe80::3/64", unix.IFA_F_TENTATIVE, unix.IFA_F_DADFAILED, unix.IFA_F_OPTIMISTIC)},
			Target{Peer: ip("fe80::9"), Interface: "eth1"},
			Path{Ifindex: 3, Interface: "eth1", LocalMAC: mac3, Up: true,
				Reason: "interface eth1 has no usable IPv6 address"}},
		{"no address of the family", nil, Target{Peer: ip("2001:db8:1::9"), Interface: "eth1"},
			Path{Ifindex: 3, Interface: "eth1", LocalMAC: mac3, Up: true,
				Reason: "interface eth1 has no usable IPv6 address"}},
		{"peer is this host", nil, Target{Peer: ip("192.0.2.1"), Interface: "eth0"},
			Path{Ifindex: 2, Interface: "eth0", LocalMAC: mac2, Up: true,
				Reason: "peer address 192.0.2.1 is this host's own, on interface eth0"}},
		{"no peer", nil, Target{Interface: "eth0"}, Path{Interface: "eth0", Reason: "no peer address"}},
		{"multicast peer", nil, Target{Peer: ip("224.0.0.5")}, Path{Reason: "peer address 224.0.0.5 is not a unicast address"}},
		{"link-local without interface", nil, Target{Peer: ip("fe80::9")},
			Path{Reason: "link-local peer fe80::9 needs an interface"}},
		{"two families", nil, Target{Peer: ip("192.0.2.9"), Local: ip("2001:db8::1")},
			Path{Local: ip("2001:db8::1"), Reason: "local address 2001:db8::1 and peer address 192.0.2.9 are of different families"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := c.t.normal()
			c.want.Peer, c.want.NextHop = target.Peer, target.Peer
			if c.want.Ready {
				c.want.EchoReason = noEcho
			}
			got := have(append(ethernet(), c.more...)...).resolve(target, func(subject) {})
			if d := cmp.Diff(c.want, got, compareAddr); d != "" {
				t.Error(d)
			}
		})
	}
}

// RFC 5881 §6: on a multi-access link both addresses are of the link's subnet.
func TestResolveOffLink(t *testing.T) {
	peer, local := ip("203.0.113.9"), ip("192.0.2.1")
	mac := packet.MAC{2, 0, 0, 0, 0, 2}
	ready := Path{Ready: true, Ifindex: 2, Interface: "eth0", Local: local, Peer: peer, NextHop: peer, LocalMAC: mac, Up: true, EchoReason: noEcho}
	flagged := ready
	flagged.OffLink = true
	for _, c := range []struct {
		name string
		more []event
		t    Target
		want Path
	}{
		{"refused", nil, Target{Peer: peer},
			Path{Peer: peer, NextHop: peer, Reason: "no interface is directly connected to 203.0.113.9"}},
		{"flagged where the interface is named", nil, Target{Peer: peer, Local: local, Interface: "eth0"}, flagged},
		{"local chosen all the same", nil, Target{Peer: peer, Interface: "eth0"}, flagged},
		{"a route onto the link makes it right", []event{addRoute(2, "203.0.113.0/24", 0, "")},
			Target{Peer: peer, Interface: "eth0"}, ready},
		{"and finds the interface", []event{addRoute(2, "203.0.113.9/32", 0, "")}, Target{Peer: peer}, ready},
		{"a route onto another link does not", []event{addRoute(3, "203.0.113.0/24", 0, "")},
			Target{Peer: peer, Interface: "eth0"}, flagged},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := have(append(ethernet(), c.more...)...).resolve(c.t, func(subject) {})
			if d := cmp.Diff(c.want, got, compareAddr); d != "" {
				t.Error(d)
			}
		})
	}
	rows.Covers(t, "5881-6-02")
}

func TestResolveChoice(t *testing.T) {
	peer := ip("10.0.0.9")
	for _, c := range []struct {
		name      string
		events    []event
		wantLink  string
		wantLocal string
	}{
		{"longest prefix", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/8"), addLink(3, "b", up), addAddr(3, "10.0.0.2/24"),
		}, "b", "10.0.0.2"},
		{"longest prefix, though its interface is down", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/8"), addLink(3, "b", down), addAddr(3, "10.0.0.2/24"),
		}, "b", ""},
		{"same prefix: the interface that is up", []event{
			addLink(2, "a", down), addAddr(2, "10.0.0.1/24"), addLink(3, "b", up), addAddr(3, "10.0.0.2/24"),
		}, "b", "10.0.0.2"},
		{"same prefix: the route with the lower metric", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addRoute(2, "10.0.0.0/24", 200, "10.0.0.1"),
			addLink(3, "b", up), addAddr(3, "10.0.0.2/24"), addRoute(3, "10.0.0.0/24", 100, "10.0.0.2"),
		}, "b", "10.0.0.2"},
		{"same prefix: an address without a route counts less", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"),
			addLink(3, "b", up), addAddr(3, "10.0.0.2/24"), addRoute(3, "10.0.0.0/24", 100, "10.0.0.2"),
		}, "b", "10.0.0.2"},
		{"primary before secondary", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24", unix.IFA_F_SECONDARY), addAddr(2, "10.0.0.5/24"),
		}, "a", "10.0.0.5"},
		{"lowest of equals", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.7/24"), addAddr(2, "10.0.0.5/24"), addAddr(2, "10.0.0.6/24"),
		}, "a", "10.0.0.5"},
		{"usable before tentative", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24", unix.IFA_F_TENTATIVE), addAddr(2, "10.0.0.5/16"),
		}, "a", "10.0.0.5"},
		{"the peer of a point-to-point address", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addLink(3, "ptp", p2p),
			addrEvent{index: 3, addr: address{ip: ip("172.16.0.1"), prefix: netip.MustParsePrefix("10.0.0.9/32")}},
		}, "ptp", "172.16.0.1"},
		{"after the address is gone", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addLink(3, "b", up), addAddr(3, "10.0.0.2/25"),
			addrEvent{index: 3, gone: true, addr: addAddr(3, "10.0.0.2/25").addr},
		}, "a", "10.0.0.1"},
		{"after the interface is gone", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addLink(3, "b", up), addAddr(3, "10.0.0.2/25"),
			addRoute(3, "10.0.0.8/30", 0, ""), linkEvent{index: 3, gone: true, link: link{name: "b"}},
		}, "a", "10.0.0.1"},
		{"after a route is replaced by one through a router", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addLink(3, "b", up), addAddr(3, "192.0.2.1/24"),
			addRoute(3, "10.0.0.8/30", 5, ""),
			routeEvent{replace: true, dst: netip.MustParsePrefix("10.0.0.8/30"), hop: hop{ifindex: 3, route: true, metric: 5, table: unix.RT_TABLE_MAIN}},
		}, "a", "10.0.0.1"},
		{"a route dies with its interface's going down", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addLink(3, "b", up), addAddr(3, "192.0.2.1/24"),
			addRoute(3, "10.0.0.8/30", 5, ""), addLink(3, "b", down), addLink(3, "b", up),
		}, "a", "10.0.0.1"},
		{"a route dies with its source address", []event{
			addLink(2, "a", up), addAddr(2, "10.0.0.1/24"), addLink(3, "b", up), addAddr(3, "192.0.2.1/24"),
			addRoute(3, "10.0.0.8/30", 5, "192.0.2.1"), addrEvent{index: 3, gone: true, addr: addAddr(3, "192.0.2.1/24").addr},
		}, "a", "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := have(c.events...).resolve(Target{Peer: peer}, func(subject) {})
			if got.Interface != c.wantLink || got.Local != ip(c.wantLocal) {
				t.Errorf("%s from %s, want %s from %s; reason %q", got.Interface, got.Local, c.wantLink, c.wantLocal, got.Reason)
			}
		})
	}
}

func TestResolveNeighbour(t *testing.T) {
	for _, c := range []struct {
		name  string
		state uint16
		mac   byte
		known bool
	}{
		{"none", 0, 0, false},
		{"incomplete", unix.NUD_INCOMPLETE, 0, false},
		{"reachable", unix.NUD_REACHABLE, 7, true},
		{"stale", unix.NUD_STALE, 7, true},
		{"probe", unix.NUD_PROBE, 7, true},
		{"permanent", unix.NUD_PERMANENT, 7, true},
		{"failed", unix.NUD_FAILED, 7, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := have(append(ethernet(), addNeigh(2, "192.0.2.9", c.state, c.mac), addNeigh(3, "192.0.2.9", unix.NUD_REACHABLE, 8))...)
			p := s.resolve(Target{Peer: ip("192.0.2.9")}, func(subject) {})
			if !p.Ready || p.MACKnown != c.known || (c.known && p.PeerMAC[5] != c.mac) || (!c.known && p.PeerMAC != packet.MAC{}) {
				t.Errorf("have %+v", p)
			}
		})
	}
	t.Run("none on a link without addresses", func(t *testing.T) {
		var looked []subject
		s := have(addLink(2, "tun0", p2p), addAddr(2, "10.0.0.1/30"))
		p := s.resolve(Target{Peer: ip("10.0.0.2")}, func(s subject) { looked = append(looked, s) })
		if !p.Ready || p.MACKnown || !p.PointToPoint {
			t.Errorf("have %+v", p)
		}
		for _, l := range looked {
			if l.kind == neighbour {
				t.Error("asked for a neighbour")
			}
		}
	})
}

// What a path was derived from is what it must be derived from again.
func TestResolveLooksAt(t *testing.T) {
	s := have(ethernet()...)
	for _, c := range []struct {
		name string
		t    Target
		want []subject
	}{
		{"named interface", Target{Peer: ip("192.0.2.9"), Interface: "eth0"}, []subject{
			{kind: byName, name: "eth0"}, {kind: byIndex, index: 2}, {kind: neighbour, index: 2, ip: ip("192.0.2.9")}}},
		{"missing interface", Target{Peer: ip("192.0.2.9"), Interface: "eth7"}, []subject{{kind: byName, name: "eth7"}}},
		{"chosen interface", Target{Peer: ip("192.0.2.9")}, []subject{
			{kind: byPrefix}, {kind: byIndex, index: 2}, {kind: neighbour, index: 2, ip: ip("192.0.2.9")}}},
		{"off the link", Target{Peer: ip("10.9.9.9"), Interface: "eth0"}, []subject{
			{kind: byName, name: "eth0"}, {kind: byIndex, index: 2}, {kind: byPrefix}, {kind: neighbour, index: 2, ip: ip("10.9.9.9")}}},
		{"hopeless", Target{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []subject
			s.resolve(c.t, func(s subject) {
				if !slices.Contains(got, s) {
					got = append(got, s)
				}
			})
			if d := cmp.Diff(c.want, got, compareAddr, cmp.AllowUnexported(subject{})); d != "" {
				t.Error(d)
			}
		})
	}
}
