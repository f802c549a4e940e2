package netlinkmon

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

func addVRF(index int, name string, table uint32, flags uint32) linkEvent {
	e := addLink(index, name, flags)
	e.link.stack.kind, e.link.stack.table = "vrf", table
	return e
}

// within makes an interface a port of another.
func within(master int, e linkEvent) linkEvent {
	e.link.stack.master = master
	return e
}

func ofTable(table uint32, e routeEvent) routeEvent {
	e.hop.table = table
	return e
}

const (
	red, blue           = 10, 20
	redTable, blueTable = 1010, 1020
)

// twoVRFs has the same addresses in the default VRF (eth0), red (eth1) and blue
// (eth2), and bond0 in red with eth3 as its port.
func twoVRFs() []event {
	return []event{
		addLink(1, "lo", noLoss), addAddr(1, "10.0.0.1/32"),
		addLink(2, "eth0", up), addAddr(2, "192.0.2.1/24"),
		within(red, addLink(3, "eth1", up)), // the kernel lists links in any order
		addVRF(red, "red", redTable, up), addVRF(blue, "blue", blueTable, up),
		within(blue, addLink(4, "eth2", up)),
		within(6, addLink(5, "eth3", up)), within(red, addLink(6, "bond0", up)),
		addAddr(3, "192.0.2.1/24"), addAddr(4, "192.0.2.1/24"), addAddr(red, "10.0.0.1/32"),
		addAddr(6, "198.51.100.1/24"),
	}
}

func TestResolveVRF(t *testing.T) {
	peer, local := ip("192.0.2.9"), ip("192.0.2.1")
	ready := func(index int, name string, vrf int, device string) Path {
		return Path{Ready: true, Ifindex: index, Interface: name, Local: local, LocalMAC: packet.MAC{2, 0, 0, 0, 0, byte(index)},
			Up: true, VRFIndex: vrf, VRF: device, EchoReason: noEcho}
	}
	for _, c := range []struct {
		name string
		more []event
		t    Target
		want Path
	}{
		{"default", nil, Target{Peer: peer}, ready(2, "eth0", 0, "")},
		{"red", nil, Target{Peer: peer, VRF: "red"}, ready(3, "eth1", red, "red")},
		{"blue", nil, Target{Peer: peer, VRF: "blue"}, ready(4, "eth2", blue, "blue")},
		{"blue by address", nil, Target{Peer: peer, Local: local, VRF: "blue"}, ready(4, "eth2", blue, "blue")},
		{"interface within its VRF", nil, Target{Peer: peer, Interface: "eth1", VRF: "red"}, ready(3, "eth1", red, "red")},
		{"interface says which VRF", nil, Target{Peer: peer, Interface: "eth2"}, ready(4, "eth2", blue, "blue")},
		{"interface of another VRF", nil, Target{Peer: peer, Interface: "eth2", VRF: "red"},
			Path{Interface: "eth2", VRFIndex: red, VRF: "red", Reason: "interface eth2 is in VRF blue"}},
		{"interface of no VRF", nil, Target{Peer: peer, Interface: "eth0", VRF: "red"},
			Path{Interface: "eth0", VRFIndex: red, VRF: "red", Reason: "interface eth0 is not in VRF red"}},
		{"port of a bond that is in a VRF", nil, Target{Peer: peer, Interface: "eth3", VRF: "red"},
			Path{Interface: "eth3", VRFIndex: red, VRF: "red", Reason: "interface eth3 is not in VRF red"}},
		{"no such VRF", nil, Target{Peer: peer, VRF: "green"}, Path{Reason: "VRF green does not exist"}},
		{"no VRF", nil, Target{Peer: peer, VRF: "eth0"}, Path{Reason: "interface eth0 is not a VRF"}},
		{"VRF as an interface", nil, Target{Peer: peer, Interface: "red"},
			Path{Interface: "red", VRFIndex: red, VRF: "red", Reason: "interface red is a VRF and no link: its name is for vrf"}},
		{"address on the VRF's device", []event{addAddr(red, "203.0.113.1/24")}, Target{Peer: ip("203.0.113.9"), VRF: "red"},
			Path{VRFIndex: red, VRF: "red", Reason: "no interface of VRF red is directly connected to 203.0.113.9"}},
		{"VRF down", []event{addVRF(red, "red", redTable, down)}, Target{Peer: peer, VRF: "red"},
			Path{VRFIndex: red, VRF: "red", Reason: "VRF red is down"}},
		{"interface of a VRF that is down", []event{addVRF(red, "red", redTable, down)}, Target{Peer: peer, Interface: "eth1"},
			Path{Interface: "eth1", VRFIndex: red, VRF: "red", Reason: "VRF red is down"}},
		{"address of another VRF", nil, Target{Peer: peer, Local: ip("198.51.100.1"), VRF: "blue"},
			Path{VRFIndex: blue, VRF: "blue", Local: ip("198.51.100.1"), Reason: "no interface of VRF blue has address 198.51.100.1"}},
		{"peer of another VRF", nil, Target{Peer: ip("198.51.100.9")}, Path{Reason: "no interface is directly connected to 198.51.100.9"}},
		{"moved to blue", []event{within(blue, addLink(3, "eth1", up)), linkEvent{index: 4, gone: true, link: link{name: "eth2"}}},
			Target{Peer: peer, VRF: "blue"}, ready(3, "eth1", blue, "blue")},
		{"moved out", []event{addLink(3, "eth1", up)}, Target{Peer: peer, VRF: "red"},
			Path{VRFIndex: red, VRF: "red", Reason: "no interface of VRF red is directly connected to 192.0.2.9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Peer, c.want.NextHop = c.t.Peer, c.t.Peer
			got := have(append(twoVRFs(), c.more...)...).resolve(c.t, func(subject) {})
			if d := cmp.Diff(c.want, got, compareAddr); d != "" {
				t.Error(d)
			}
		})
	}
}

// A route onto a link counts where it is in the table of the link's VRF.
func TestRoutesOfVRFs(t *testing.T) {
	peer := ip("10.9.0.2")
	to := func(index int) routeEvent { return addRoute(index, "10.9.0.0/24", 0, "192.0.2.1") }
	for _, c := range []struct {
		name   string
		routes []event
		want   map[string]int // interface by VRF
	}{
		{"main", []event{to(2)}, map[string]int{"": 2}},
		{"red's", []event{ofTable(redTable, to(3))}, map[string]int{"red": 3}},
		{"both", []event{to(2), ofTable(redTable, to(3))}, map[string]int{"": 2, "red": 3}},
		{"main, by red's interface", []event{to(3)}, nil},
		{"red's, by another interface", []event{ofTable(redTable, to(2))}, nil},
		{"a table of nobody's", []event{ofTable(99, to(2))}, nil},
		{"one removed, the other stays", []event{to(2), ofTable(redTable, to(3)), func() event { e := to(2); e.gone = true; return e }()},
			map[string]int{"red": 3}},
		{"red's replaced by one through a router", []event{to(2), ofTable(redTable, to(3)),
			ofTable(redTable, routeEvent{replace: true, dst: netip.MustParsePrefix("10.9.0.0/24"), hop: hop{route: true}})}, map[string]int{"": 2}},
		{"source address removed in red", []event{to(2), ofTable(redTable, to(3)),
			addrEvent{index: 3, gone: true, addr: addAddr(3, "192.0.2.1/24").addr}}, map[string]int{"": 2}},
		{"interface taken out of red", []event{to(2), ofTable(redTable, to(3)), addLink(3, "eth1", up)}, map[string]int{"": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := have(append(twoVRFs(), c.routes...)...)
			for _, vrf := range []string{"", "red", "blue"} {
				if p := s.resolve(Target{Peer: peer, VRF: vrf}, func(subject) {}); p.Ifindex != c.want[vrf] {
					t.Errorf("VRF %q: %+v", vrf, p)
				}
			}
		})
	}
}

func TestResolveMultihopVRF(t *testing.T) {
	far, loop := ip("203.0.113.9"), ip("10.0.0.1")
	target := Target{Multihop: true, Peer: far, Local: loop, VRF: "red"}
	by := target
	by.Interface = "eth1"
	base := target
	base.VRF = ""
	of := query{peer: far, local: loop, oif: red, vrf: true}
	way := func(index int) answer { return answer{kind: unix.RTN_UNICAST, ifindex: index} }
	for _, c := range []struct {
		name  string
		t     Target
		q     query
		a     answer
		index int
		want  string
	}{
		{"within", target, of, way(3), 3, ""},
		{"by the interface named", by, query{peer: far, local: loop, oif: 3}, way(3), 3, ""},
		{"interface says which VRF", Target{Multihop: true, Peer: far, Local: loop, Interface: "eth1"}, query{peer: far, local: loop, oif: 3}, way(3), 3, ""},
		{"default", base, query{peer: far, local: loop}, way(2), 2, ""},
		{"no route", target, of, answer{}, 0, "no route to 203.0.113.9"},
		{"out of the VRF", target, of, way(2), 0, "route to 203.0.113.9 leads elsewhere: interface eth0 is not in VRF red"},
		{"into another", target, of, way(4), 0, "route to 203.0.113.9 leads elsewhere: interface eth2 is in VRF blue"},
		{"into a VRF", base, query{peer: far, local: loop}, way(red), 0,
			"route to 203.0.113.9 leads elsewhere: interface red is a VRF and no link: its name is for vrf"},
		{"no such address there", Target{Multihop: true, Peer: far, Local: loop, VRF: "blue"}, of, way(4), 0,
			"no interface of VRF blue has address 10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := have(twoVRFs()...)
			s.lookups.answers[c.q] = c.a
			var last subject
			p := s.resolve(c.t, func(l subject) { last = l })
			if p.Reason != c.want || p.Ready != (c.want == "") || p.Ready && p.Ifindex != c.index {
				t.Errorf("have %+v", p)
			}
			if p.Ready && last != (subject{kind: neighbour, index: c.index, ip: far}) {
				t.Errorf("looked at last: %+v", last)
			}
		})
	}
	if of.subject().query() != of {
		t.Errorf("query %v became %v", of, of.subject().query())
	}
}

// Which interfaces are in a VRF is told before the paths that follow from it, and a
// VRF that went is told of even where another has its index before anybody listens.
func TestVRFNews(t *testing.T) {
	loop := &loop{state: have(addLink(2, "tun0", p2p), addAddr(2, "10.0.0.1/30"), addLink(3, "eth0", up)), deps: newDependencies(),
		targets: make(map[uint32]*target), touched: make(map[subject]struct{}), updates: make(chan Update)}
	loop.state.moved = true // as after reading everything
	told := func() (list []Update) {
		loop.hold = nil
		loop.resolve()
		for t, u, out := loop.next(); out != nil; t, u, out = loop.next() {
			loop.told(t, u)
			list = append(list, u)
		}
		return list
	}
	loop.watch(1, Target{Peer: ip("10.0.0.2")})
	loop.watch(2, Target{Peer: ip("10.0.0.2"), VRF: "red"})
	if u := told(); len(u) != 2 || !u[0].Path.Ready || u[1].Path.Reason != "VRF red does not exist" {
		t.Fatalf("have %+v", u)
	}
	loop.take(batch{events: []event{addVRF(red, "red", redTable, up), within(red, addLink(2, "tun0", p2p))}})
	u := told()
	if len(u) != 3 || !cmp.Equal(u[0].VRFs, map[int]int{2: red, red: red}) {
		t.Fatalf("have %+v", u)
	}
	for _, u := range u[1:] {
		if p := u.Path; p.Ready != (u.ID == 2) || p.Ready && p.VRFIndex != red {
			t.Fatalf("session %d: %+v", u.ID, p)
		}
	}
	again := []event{
		addLink(2, "tun0", p2p), linkEvent{index: red, gone: true, link: link{name: "red", stack: stack{table: redTable}}},
		addVRF(red, "red", redTable, up), within(red, addLink(2, "tun0", p2p)),
	}
	loop.take(batch{events: again})
	if u := told(); len(u) != 2 || u[0].Path.Reason != "VRF red is gone" || u[0].Path.Ifindex != 0 || !u[1].Path.Ready {
		t.Errorf("have %+v", u)
	}
	loop.take(batch{events: []event{addLink(3, "eth0", down), within(7, addLink(3, "eth0", up))}})
	if u := told(); len(u) != 0 {
		t.Errorf("a port of something else is news: %+v", u)
	}
	if n := loop.state.tables[redTable]; n != 1 {
		t.Errorf("%d VRFs have the table", n)
	}
}

// What an interface's going into a VRF changes is looked up again.
func TestVRFAsksAgain(t *testing.T) {
	s := have(ethernet()...)
	q := query{peer: ip("10.0.0.2"), local: ip("192.0.2.1")}
	for _, e := range []event{addVRF(red, "red", redTable, up), within(red, addLink(2, "eth0", up)), addLink(2, "eth0", up)} {
		s.lookups.answers[q] = answer{}
		s.apply(e, func(subject) {})
		if len(s.lookups.take()) != 1 {
			t.Errorf("not asked again after %+v", e)
		}
	}
	s.apply(within(9, addLink(3, "eth1", up)), func(subject) {})
	s.lookups.answers[q] = answer{}
	s.apply(routeEvent{dst: netip.MustParsePrefix("10.0.0.0/24"), hop: hop{table: redTable}}, func(subject) {})
	if len(s.lookups.take()) != 1 {
		t.Error("not asked again after a change of another table")
	}
}
