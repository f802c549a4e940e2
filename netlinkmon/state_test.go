package netlinkmon

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestTouches(t *testing.T) {
	name := func(n string) subject { return subject{kind: byName, name: n} }
	index := func(i int) subject { return subject{kind: byIndex, index: i} }
	prefix, addrs := subject{kind: byPrefix}, subject{kind: byAddress}
	nine := subject{kind: neighbour, index: 2, ip: ip("192.0.2.9")}
	watched := addNeigh(2, "192.0.2.9", unix.NUD_REACHABLE, 7)
	for _, c := range []struct {
		name string
		e    event
		want []subject
	}{
		{"new interface", addLink(4, "eth2", up), []subject{index(4), prefix, addrs, name("eth2")}},
		{"renamed", addLink(2, "wan", up), []subject{name("eth0"), index(2), name("wan")}},
		{"down", addLink(2, "eth0", down), []subject{index(2), prefix, addrs}},
		{"carrier lost", addLink(2, "eth0", noCable), []subject{index(2)}},
		{"gone", linkEvent{index: 2, gone: true, link: link{name: "eth0"}}, []subject{name("eth0"), index(2), prefix, addrs}},
		{"gone twice", linkEvent{index: 9, gone: true, link: link{name: "eth9"}}, nil},
		{"address", addAddr(3, "10.0.0.1/24"), []subject{index(3), prefix, addrs}},
		{"address of an unknown interface", addAddr(9, "10.0.0.1/24"), nil},
		{"route", addRoute(3, "10.0.0.0/24", 0, ""), []subject{prefix}},
		{"route through a router", routeEvent{dst: netip.MustParsePrefix("10.0.0.0/24"), hop: hop{table: unix.RT_TABLE_MAIN}}, nil},
		{"rule", policyEvent{}, nil},
		{"neighbour, another MAC", addNeigh(2, "192.0.2.9", unix.NUD_REACHABLE, 8), []subject{nine}},
		{"neighbour, another state", addNeigh(2, "192.0.2.9", unix.NUD_STALE, 7), nil},
		{"neighbour failed", addNeigh(2, "192.0.2.9", unix.NUD_FAILED, 0), []subject{nine}},
		{"neighbour gone", neighEvent{key: watched.key, gone: true, neigh: watched.neigh}, []subject{nine}},
		{"neighbour nobody watches", addNeigh(2, "192.0.2.8", unix.NUD_REACHABLE, 8), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := have(append(ethernet(), watched)...)
			var got []subject
			s.apply(c.e, func(s subject) { got = append(got, s) })
			if d := cmp.Diff(c.want, got, compareAddr, cmp.AllowUnexported(subject{})); d != "" {
				t.Error(d)
			}
			if len(s.neighs) != 1 {
				t.Errorf("%d neighbours are followed", len(s.neighs))
			}
		})
	}
}

// Two interfaces may swap names through a third; the name must lead to the
// last that took it.
func TestNamesSwap(t *testing.T) {
	s := have(ethernet()...)
	for _, e := range []event{addLink(2, "tmp", up), addLink(3, "eth0", up), addLink(2, "eth1", up)} {
		s.apply(e, func(subject) {})
	}
	want := map[string]int{"lo": 1, "eth0": 3, "eth1": 2}
	if d := cmp.Diff(want, s.names); d != "" {
		t.Error(d)
	}
}

// The prefixes that hold an address, found by length, are those that a look at
// every prefix finds.
func TestPrefixesAgainstScan(t *testing.T) {
	r := rand.New(rand.NewPCG(5881, 6))
	random := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(2)), byte(r.IntN(4))})
		}
		a := [16]byte{0: 0x20, 7: byte(r.IntN(2)), 15: byte(r.IntN(4))}
		return netip.AddrFrom16(a)
	}
	p := newPrefixes()
	sources := []netip.Addr{{}, ip("10.0.0.1"), ip("2001:db8::1")}
	all := make(map[netip.Prefix][]hop)
	for range 5000 {
		ip := random()
		prefix, _ := ip.Prefix(r.IntN(ip.BitLen() + 1))
		h := hop{ifindex: r.IntN(3), route: r.IntN(2) == 0, local: sources[r.IntN(3)], table: uint32(7 + r.IntN(2))}
		if r.IntN(2) == 0 {
			p.add(prefix, h)
			if !slices.Contains(all[prefix], h) {
				all[prefix] = append(all[prefix], h)
			}
		} else {
			is := func(o hop) bool { return o == h }
			p.remove(prefix, is)
			if all[prefix] = slices.DeleteFunc(all[prefix], is); len(all[prefix]) == 0 {
				delete(all, prefix)
			}
		}
		if source := sources[1]; r.IntN(50) == 0 {
			p.removeFrom(source, 7)
			for prefix, list := range all {
				list = slices.DeleteFunc(list, func(h hop) bool { return h.route && h.local == source && h.table == 7 })
				if all[prefix] = list; len(list) == 0 {
					delete(all, prefix)
				}
			}
		}
		probe := random()
		var want, got [][]hop
		for bits := probe.BitLen(); bits >= 0; bits-- {
			prefix, _ := probe.Prefix(bits)
			if list := all[prefix]; len(list) > 0 {
				want = append(want, list)
			}
		}
		for list := range p.holding(probe) {
			got = append(got, list)
		}
		if !slices.EqualFunc(want, got, slices.Equal) {
			t.Fatalf("prefixes of %s: have %v, want %v", probe, got, want)
		}
	}
	p.removeAll(func(hop) bool { return true })
	if len(p.hops)+len(p.from) != 0 || p.len4 != [33]int{} || p.len6 != [129]int{} {
		t.Errorf("left over: %v", p)
	}
}

func TestDependencies(t *testing.T) {
	a, b := subject{kind: byName, name: "a"}, subject{kind: byName, name: "b"}
	d, looks := newDependencies(), make(map[uint32][]*lookers)
	var changes []string
	changed := func(s subject) {
		sign := "-"
		if d.wanted(s) {
			sign = "+"
		}
		changes = append(changes, sign+s.name)
	}
	for _, step := range []struct {
		id   uint32
		to   []subject
		want []string
	}{
		{1, []subject{a}, []string{"+a"}},
		{2, []subject{a, b}, []string{"+b"}},
		{2, []subject{a, b}, nil},
		{1, []subject{b}, nil},
		{2, nil, []string{"-a"}},
		{2, nil, nil},
		{1, nil, []string{"-b"}},
	} {
		changes = nil
		looks[step.id] = d.set(step.id, looks[step.id], step.to, changed)
		if diff := cmp.Diff(step.want, changes); diff != "" {
			t.Errorf("step %+v: %s", step, diff)
		}
	}
	if d.by.Len() != 0 {
		t.Errorf("left over: %d", d.by.Len())
	}
}
