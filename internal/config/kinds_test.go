package config

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
)

func session(t *testing.T, k Key, own Settings) Peer {
	t.Helper()
	p, faults := NewPeer(k, "", own, nil)
	if faults != nil {
		t.Fatalf("%+v: %v", k, faults)
	}
	return p
}

// fieldsOf returns the names that faults are about.
func fieldsOf(faults []Fault) (names []string) {
	for _, f := range faults {
		names = append(names, f.Field)
	}
	return names
}

// TestDefaultsOfKinds: what is not asked for, and what a kind cannot have.
func TestDefaultsOfKinds(t *testing.T) {
	pair := Key{Peer: addr("192.0.2.1"), Local: addr("192.0.2.2")}
	far, alone := pair, pair
	far.Multihop, alone.Unaffiliated = true, true
	type kind struct {
		MinTTL         uint8
		EchoTx, EchoRx uint32
	}
	asking := Settings{EchoRx: ptr(uint32(20_000)), EchoTx: ptr(uint32(20_000))}
	for _, tt := range []struct {
		name string
		key  Key
		own  Settings
		want kind
	}{
		{"single hop", pair, Settings{}, kind{EchoRx: 50_000}},
		{"echo", pair, Settings{Echo: ptr(true)}, kind{EchoTx: 50_000, EchoRx: 50_000}},
		{"intervals without echo", pair, asking, kind{EchoRx: 20_000}},
		{"disabled", pair, Settings{EchoRx: ptr(uint32(0))}, kind{}},
		{"multihop", far, asking, kind{MinTTL: 254}},
		{"multihop near", far, Settings{MinTTL: ptr(uint8(255))}, kind{MinTTL: 255}},
		{"unaffiliated", alone, asking, kind{}},
	} {
		p := session(t, tt.key, tt.own)
		if diff := cmp.Diff(tt.want, kind{p.MinTTL, p.EchoTx, p.EchoRx}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	rows.Covers(t, "5883-3-01")
}

// TestFaultsOfKinds: the names of fields are what the API goes by.
func TestFaultsOfKinds(t *testing.T) {
	yes := ptr(true)
	pair := Key{Peer: addr("192.0.2.1"), Local: addr("192.0.2.2")}
	far, alone, both := pair, pair, pair
	far.Multihop, alone.Unaffiliated = true, true
	both.Multihop, both.Unaffiliated = true, true
	for _, tt := range []struct {
		name string
		key  Key
		own  Settings
		want []string
	}{
		{"no local address", Key{Peer: pair.Peer, Multihop: true}, Settings{}, []string{"local-address"}},
		{"link-local", Key{Peer: addr("fe80::1"), Local: addr("fe80::2"), Interface: "eth0", Multihop: true}, Settings{},
			[]string{"peer", "local-address"}},
		{"link-local IPv4", Key{Peer: addr("169.254.0.1"), Local: pair.Local, Multihop: true}, Settings{}, []string{"peer"}},
		{"interface", Key{Peer: pair.Peer, Local: pair.Local, Interface: "eth0", Multihop: true}, Settings{}, []string{"interface"}},
		{"two families", Key{Peer: pair.Peer, Local: addr("2001:db8::1"), Multihop: true}, Settings{}, []string{"local-address"}},
		{"two kinds", both, Settings{}, []string{"unaffiliated-echo"}},
		{"everything over several hops", far, Settings{Echo: yes, Strict: yes, Demand: yes, Passive: yes},
			[]string{"strict-interface", "echo-mode", "echo-mode"}},
		{"everything alone", alone, Settings{Echo: yes, Demand: yes, Passive: yes},
			[]string{"echo-mode", "echo-mode", "demand-mode", "passive-mode"}},
		{"TTL of one hop", pair, Settings{MinTTL: ptr(uint8(255))}, []string{"minimum-ttl"}},
		{"short echoes", pair, Settings{EchoTx: ptr(uint32(99)), EchoRx: ptr(uint32(1)), DemandPoll: ptr(uint32(99))},
			[]string{"echo-transmit-interval", "demand-poll-interval", "echo-receive-interval"}},
		{"no echoes", pair, Settings{EchoTx: ptr(uint32(0)), MinTTL: ptr(uint8(0))}, []string{"echo-transmit-interval", "minimum-ttl"}},
		{"silence", pair, Settings{RequiredMinRx: ptr(uint32(0))}, []string{"receive-interval"}},
		{"silence on hold", pair, Settings{RequiredMinRx: ptr(uint32(0)), HoldDown: yes}, nil},
	} {
		_, faults := NewPeer(tt.key, "", tt.own, nil)
		if diff := cmp.Diff(tt.want, fieldsOf(faults)); diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, faults, diff)
		}
	}
	rows.Covers(t, "5883-3-01")
}

// TestWith changes sessions that run.
func TestWith(t *testing.T) {
	pair := Key{Peer: addr("192.0.2.1"), Local: addr("192.0.2.2")}
	far := pair
	far.Multihop = true
	plain := session(t, pair, Settings{})
	plain.Line = 7
	multihop := session(t, far, Settings{MinTTL: ptr(uint8(200))})
	held := session(t, pair, Settings{HoldDown: ptr(true), RequiredMinRx: ptr(uint32(0))})
	echo := session(t, pair, Settings{Echo: ptr(true), EchoTx: ptr(uint32(20_000)), EchoRx: ptr(uint32(0))})
	for _, tt := range []struct {
		name   string
		before Peer
		change Settings
		after  func(*Peer)
		faults []string
	}{
		{"nothing", plain, Settings{}, func(*Peer) {}, nil},
		{"nothing over several hops", multihop, Settings{}, func(*Peer) {}, nil},
		{"echo on", plain, Settings{Echo: ptr(true)}, func(p *Peer) { p.EchoTx = 50_000 }, nil},
		{"echo off", echo, Settings{Echo: ptr(false)}, func(p *Peer) { p.EchoTx = 0 }, nil},
		{"echo slower", echo, Settings{EchoTx: ptr(uint32(30_000))}, func(p *Peer) { p.EchoTx = 30_000 }, nil},
		{"interval of no echo", plain, Settings{EchoTx: ptr(uint32(30_000))}, nil, []string{"echo-transmit-interval"}},
		{"demand beside echo", echo, Settings{Demand: ptr(true)}, nil, []string{"echo-mode"}},
		{"demand instead of echo", echo, Settings{Demand: ptr(true), Echo: ptr(false)}, func(p *Peer) { p.Demand, p.EchoTx = true, 0 }, nil},
		{"silence", plain, Settings{RequiredMinRx: ptr(uint32(0))}, nil, []string{"receive-interval"}},
		{"released into silence", held, Settings{HoldDown: ptr(false)}, nil, []string{"receive-interval"}},
		{"released", held, Settings{HoldDown: ptr(false), RequiredMinRx: ptr(uint32(1))},
			func(p *Peer) { p.HoldDown, p.RequiredMinRx = false, 1 }, nil},
		{"TTL", multihop, Settings{MinTTL: ptr(uint8(1))}, func(p *Peer) { p.MinTTL = 1 }, nil},
		{"TTL of one hop", plain, Settings{MinTTL: ptr(uint8(1))}, nil, []string{"minimum-ttl"}},
		{"the rest", plain, Settings{HoldOff: ptr(uint32(1)), Ceiling: ptr(uint32(2)), DemandPoll: ptr(uint32(0)), Strict: ptr(true)},
			func(p *Peer) { p.HoldOff, p.Ceiling, p.DemandPoll, p.Strict = 1, 2, 0, true }, nil},
	} {
		got, faults := tt.before.With(tt.change)
		if diff := cmp.Diff(tt.faults, fieldsOf(faults)); diff != "" {
			t.Errorf("%s: faults %v (-want +got):\n%s", tt.name, faults, diff)
		}
		if tt.after == nil {
			continue
		}
		want := tt.before
		tt.after(&want)
		if diff := cmp.Diff(want, got, compare); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if _, _, changed := Diff([]Peer{tt.before}, []Peer{got}); len(changed) == 0 != (got == tt.before) {
			t.Errorf("%s: changed %+v", tt.name, changed)
		}
	}
}

// TestAnotherKind: a session never becomes one of another kind.
func TestAnotherKind(t *testing.T) {
	pair := Key{Peer: addr("192.0.2.1"), Local: addr("192.0.2.2")}
	far, alone := pair, pair
	far.Multihop, alone.Unaffiliated = true, true
	kinds := []Peer{session(t, pair, Settings{}), session(t, far, Settings{}), session(t, alone, Settings{})}
	for i, before := range kinds {
		for j, after := range kinds {
			if i == j {
				continue
			}
			added, removed, changed := Diff([]Peer{before}, []Peer{after})
			if len(added) != 1 || len(removed) != 1 || len(changed) != 0 {
				t.Errorf("%+v to %+v: added %v, removed %v, changed %v", before, after, added, removed, changed)
			}
		}
	}
}

func TestExcludes(t *testing.T) {
	key := func(peer, ifname string, unaffiliated bool) Peer {
		return Peer{Peer: addr(peer), Interface: ifname, VRF: DefaultVRF, Unaffiliated: unaffiliated}
	}
	for _, tt := range []struct {
		p, q Peer
		want bool
	}{
		{key("192.0.2.1", "", true), key("192.0.2.1", "eth0", false), true},
		{key("192.0.2.1", "eth1", true), key("192.0.2.1", "eth0", true), true},
		{key("192.0.2.1", "", false), key("192.0.2.1", "eth0", false), false},
		{key("192.0.2.1", "", true), key("192.0.2.2", "", true), false},
		{key("fe80::1", "eth0", true), key("fe80::1", "eth1", false), false},
		{key("fe80::1", "eth0", true), key("fe80::1", "eth0", false), true},
		{key("169.254.0.1", "", true), key("169.254.0.1", "eth0", false), true},
	} {
		if got, back := tt.p.Excludes(tt.q), tt.q.Excludes(tt.p); got != tt.want || back != tt.want {
			t.Errorf("%+v and %+v: %v and %v, want %v", tt.p, tt.q, got, back, tt.want)
		}
	}
	rows.Covers(t, "9747-4-01")
}

func TestNewEchoSource(t *testing.T) {
	for _, tt := range []struct {
		ifname string
		addrs  []string
		want   string
	}{
		{"lo", nil, "{lo invalid IP invalid IP} []"},
		{"", []string{"10.10.10.2"}, "{ 10.10.10.2 invalid IP} []"},
		{"", []string{"2001:db8::2", "10.10.10.2"}, "{ 10.10.10.2 2001:db8::2} []"},
		{"", nil, "interface"},
		{"a/b", nil, "interface"},
		{"lo", []string{"10.10.10.2"}, "address"},
		{"", []string{"10.10.10.2", "10.10.10.3"}, "address"},
		{"", []string{"fe80::2%lo"}, "address"},
		{"", []string{"::1"}, "address"},
		{"", []string{"::ffff:10.10.10.2"}, "address"},
	} {
		var addrs []netip.Addr
		for _, a := range tt.addrs {
			addrs = append(addrs, addr(a))
		}
		e, faults := NewEchoSource(tt.ifname, addrs)
		got := fmt.Sprint(e, faults)
		if len(faults) > 0 {
			got = faults[0].Field
		}
		if got != tt.want {
			t.Errorf("%q %v: got %s (%v), want %s", tt.ifname, tt.addrs, got, faults, tt.want)
		}
	}
	if (EchoSource{}).Set() || !(EchoSource{Interface: "lo"}).Set() {
		t.Error("Set does not tell whether there is a source")
	}
}
