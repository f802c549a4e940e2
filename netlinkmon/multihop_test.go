package netlinkmon

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

func TestResolveMultihop(t *testing.T) {
	mac2, mac3 := packet.MAC{2, 0, 0, 0, 0, 2}, packet.MAC{2, 0, 0, 0, 0, 3}
	router := packet.MAC{2, 0, 0, 0, 1, 7}
	far, loop := ip("203.0.113.9"), ip("10.0.0.1")
	target := Target{Multihop: true, Peer: far, Local: loop}
	on := target
	on.Interface = "eth1"
	way := func(index int, router string) answer {
		return answer{kind: unix.RTN_UNICAST, ifindex: index, router: ip(router)}
	}
	for _, c := range []struct {
		name string
		more []event
		t    Target
		a    answer
		want Path // Peer is the target's, Local too
	}{
		{"by a router", nil, target, way(2, "192.0.2.9"),
			Path{Ready: true, Ifindex: 2, Interface: "eth0", NextHop: ip("192.0.2.9"), LocalMAC: mac2, PeerMAC: router, MACKnown: true, Up: true}},
		{"by another", nil, target, way(3, "198.51.100.9"),
			Path{Ready: true, Ifindex: 3, Interface: "eth1", NextHop: ip("198.51.100.9"), LocalMAC: mac3, Up: true}},
		{"on the link", nil, target, way(2, ""),
			Path{Ready: true, Ifindex: 2, Interface: "eth0", NextHop: far, LocalMAC: mac2, Up: true}},
		{"by an IPv6 router", []event{addNeigh(2, "fe80::9", unix.NUD_STALE, 7)}, target, way(2, "fe80::9"),
			Path{Ready: true, Ifindex: 2, Interface: "eth0", NextHop: ip("fe80::9"), LocalMAC: mac2, PeerMAC: router, MACKnown: true, Up: true}},
		{"into a tunnel", nil, target, func() answer { a := way(2, "192.0.2.9"); a.wrapped = true; return a }(),
			Path{Ready: true, Ifindex: 2, Interface: "eth0", NextHop: ip("192.0.2.9"), LocalMAC: mac2, Up: true}},
		{"onto a link without addresses", []event{addLink(5, "tun0", p2p)}, target, way(5, ""),
			Path{Ready: true, Ifindex: 5, Interface: "tun0", NextHop: far, Up: true, PointToPoint: true}},
		{"by the interface named", nil, on, way(3, "198.51.100.9"),
			Path{Ready: true, Ifindex: 3, Interface: "eth1", NextHop: ip("198.51.100.9"), LocalMAC: mac3, Up: true}},

		{"by another than the interface named", nil, on, way(2, "192.0.2.9"),
			Path{Ifindex: 3, Interface: "eth1", LocalMAC: mac3, Up: true, Reason: "no route to 203.0.113.9 by interface eth1"}},
		{"the interface named is down", []event{addLink(3, "eth1", down)}, on, way(3, "198.51.100.9"),
			Path{Ifindex: 3, Interface: "eth1", LocalMAC: mac3, Reason: "interface eth1 is down"}},
		{"the interface named does not exist", []event{addLink(3, "wan", up)}, on, answer{},
			Path{Interface: "eth1", Reason: "interface eth1 does not exist"}},
		{"egress down", []event{addLink(2, "eth0", down)}, target, way(2, "192.0.2.9"),
			Path{Ifindex: 2, Interface: "eth0", LocalMAC: mac2, Reason: "interface eth0 is down"}},
		{"egress not known yet", nil, target, way(9, ""), Path{Reason: "interface 9 is not known"}},
		{"no route", nil, target, answer{}, Path{Reason: "no route to 203.0.113.9"}},
		{"blackhole", nil, target, answer{kind: unix.RTN_BLACKHOLE}, Path{Reason: "route to 203.0.113.9 is a blackhole"}},
		{"unreachable", nil, target, answer{kind: unix.RTN_UNREACHABLE}, Path{Reason: "route to 203.0.113.9 says unreachable"}},
		{"prohibited", nil, target, answer{kind: unix.RTN_PROHIBIT}, Path{Reason: "route to 203.0.113.9 says prohibited"}},
		{"broadcast", nil, target, answer{kind: unix.RTN_BROADCAST}, Path{Reason: "route to 203.0.113.9 does not lead to one host"}},
		{"peer is this host", nil, target, answer{kind: unix.RTN_LOCAL, ifindex: 1},
			Path{Reason: "peer address 203.0.113.9 is this host's own"}},
		{"no answer", nil, target, answer{failed: "timeout"}, Path{Reason: "route to 203.0.113.9 cannot be looked up: timeout"}},
		{"address nowhere", []event{addrEvent{index: 1, gone: true, addr: addAddr(1, "10.0.0.1/32").addr}}, target, way(2, "192.0.2.9"),
			Path{Reason: "no interface has address 10.0.0.1"}},
		{"address of an interface that is gone", []event{linkEvent{index: 1, gone: true, link: link{name: "lo"}}}, target, way(2, "192.0.2.9"),
			Path{Reason: "no interface has address 10.0.0.1"}},
		{"address of an interface that is down", []event{addLink(1, "lo", unix.IFF_LOOPBACK)}, target, way(2, "192.0.2.9"),
			Path{Reason: "interface lo, which has address 10.0.0.1, is down"}},
		{"address tentative", []event{addAddr(1, "10.0.0.1/32", unix.IFA_F_TENTATIVE)}, target, way(2, "192.0.2.9"),
			Path{Reason: "address 10.0.0.1 on interface lo is tentative or a duplicate"}},
		{"address tentative here, usable there", []event{addAddr(1, "10.0.0.1/32", unix.IFA_F_TENTATIVE), addAddr(3, "10.0.0.1/32")}, target, way(2, ""),
			Path{Ready: true, Ifindex: 2, Interface: "eth0", NextHop: far, LocalMAC: mac2, Up: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := append(ethernet(), addAddr(1, "10.0.0.1/32"), addNeigh(2, "192.0.2.9", unix.NUD_REACHABLE, 7))
			s := have(append(events, c.more...)...)
			q := query{peer: c.t.Peer, local: c.t.Local}
			if c.t.Interface != "" {
				q.oif = 3
			}
			s.lookups.answers[q] = c.a
			c.want.Peer, c.want.Local = c.t.Peer, c.t.Local
			if !c.want.NextHop.IsValid() {
				c.want.NextHop = c.t.Peer
			}
			if d := cmp.Diff(c.want, s.resolve(c.t, func(subject) {}), compareAddr); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMultihopRefusals(t *testing.T) {
	for _, c := range []struct {
		peer, local, want string
	}{
		{"203.0.113.9", "", "multihop peer 203.0.113.9 needs a local address"},
		{"fe80::9", "2001:db8::1", "link-local addresses are of no use beyond one hop: 2001:db8::1, fe80::9"},
		{"2001:db8:9::9", "fe80::1", "link-local addresses are of no use beyond one hop: fe80::1, 2001:db8:9::9"},
		{"203.0.113.9", "2001:db8::1", "local address 2001:db8::1 and peer address 203.0.113.9 are of different families"},
		{"224.0.0.5", "192.0.2.1", "peer address 224.0.0.5 is not a unicast address"},
		{"", "192.0.2.1", "no peer address"},
		{"203.0.113.9", "192.0.2.1", ""},
	} {
		if got := (Target{Multihop: true, Peer: ip(c.peer), Local: ip(c.local)}).refusal(); got != c.want {
			t.Errorf("%s from %s: have %q, want %q", c.peer, c.local, got, c.want)
		}
	}
}

// The loop asks for what was looked at last, so a look-up and the neighbour
// must stand there.
func TestMultihopLooksAt(t *testing.T) {
	s := have(append(ethernet(), addAddr(1, "10.0.0.1/32"))...)
	target := Target{Multihop: true, Peer: ip("203.0.113.9"), Local: ip("10.0.0.1")}
	q := query{peer: target.Peer, local: target.Local}
	looks := func(want ...subject) {
		t.Helper()
		var got []subject
		s.resolve(target, func(s subject) { got = append(got, s) })
		if d := cmp.Diff(want, got, compareAddr, cmp.AllowUnexported(subject{})); d != "" {
			t.Error(d)
		}
	}
	looks(subject{kind: byAddress}, q.subject())
	s.lookups.answers[q] = answer{kind: unix.RTN_UNICAST, ifindex: 2, router: ip("192.0.2.9")}
	looks(subject{kind: byAddress}, q.subject(), subject{kind: byIndex, index: 2},
		subject{kind: neighbour, index: 2, ip: ip("192.0.2.9")})
	if q.subject().query() != q {
		t.Errorf("query %v became %v", q, q.subject().query())
	}
}
