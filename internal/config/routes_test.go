package config

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Where routes lead and which sessions decide about them.
func TestRoutes(t *testing.T) {
	cfg, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type hop struct {
		Gateway, Interface string
		Weight             int
		Session            Key
		InFile             bool
		Profile            string
	}
	a := netip.MustParseAddr
	main := func(peer string) Key { return Key{Peer: a(peer), VRF: "default"} }
	want := [][]hop{
		{{"192.0.2.1", "", 1, main("192.0.2.1"), true, ""}},
		{
			{"192.0.2.2", "", 3, Key{Peer: a("192.0.2.2"), Local: a("192.0.2.9"), Interface: "eth0", VRF: "default"}, true, "fast"},
			{"203.0.113.1", "eth2", 1, Key{Peer: a("203.0.113.1"), Interface: "eth2", VRF: "default"}, false, "fast"},
		},
		{
			{"fe80::1", "eth1", 1, Key{Peer: a("fe80::1"), Interface: "eth1", VRF: "default"}, true, "same"},
			{"2001:db8::7", "", 1, Key{Peer: a("2001:db8:9::9"), Local: a("2001:db8::2"), VRF: "default", Multihop: true}, false, ""},
		},
		{{"192.0.2.6", "", 1, Key{Peer: a("192.0.2.6"), VRF: "default", Unaffiliated: true}, true, ""}},
		{
			{"2001:db8::1", "", 1, Key{Peer: a("2001:db8::1"), Local: a("2001:db8::2"), VRF: "default"}, true, "faster"},
			{"192.0.2.1", "", 1, main("192.0.2.1"), true, ""},
		},
		nil,
		{
			{"192.0.2.1", "eth0", 256, main("192.0.2.1"), true, ""},
			{"fe80::1", "eth1", 1, Key{Peer: a("fe80::1"), Interface: "eth1", VRF: "default"}, true, "same"},
		},
		{
			{"203.0.113.1", "eth2", 1, Key{Peer: a("203.0.113.1"), Interface: "eth2", VRF: "default"}, false, "fast"},
			{"192.0.2.1", "eth9", 1, Key{Peer: a("192.0.2.4"), Local: a("192.0.2.9"), VRF: "default", Multihop: true}, true, "far"},
		},
	}
	var got [][]hop
	var lists [][]Gateway
	for _, r := range cfg.Routes {
		lists = append(lists, r.Via)
	}
	for _, g := range cfg.NexthopGroups {
		lists = append(lists, g.Via)
	}
	for _, list := range lists {
		var hops []hop
		for _, g := range list {
			hops = append(hops, hop{g.Address.String(), g.Interface, g.Weight, g.Session.Key(), g.InFile, g.Session.Profile})
		}
		got = append(got, hops)
	}
	same := cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.IgnoreFields(Route{}, "Via", "Line"), cmpopts.IgnoreFields(Address{}, "Peers", "Line")}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := netip.MustParsePrefix
	routes := []Route{
		{Prefix: p("0.0.0.0/0"), Metric: 10, Table: 254},
		{Prefix: p("0.0.0.0/0"), Metric: 20, Table: 254, Raise: 1000, Policy: Policy{Hold: 5 * time.Second, Present: true, AdminFails: true, Withdraw: true}},
		{Prefix: p("2001:db8:1::/48"), Metric: 20, Table: 100, Source: a("2001:db8::2")},
		{Prefix: p("198.51.100.0/24"), Metric: 20, Table: 254},
		{Prefix: p("198.51.101.0/24"), Metric: 20, Table: 254},
		{Prefix: p("198.51.102.0/24"), Metric: 5, Table: 254, Group: 7, Source: a("192.0.2.9"), Policy: Policy{Withdraw: true}},
	}
	if diff := cmp.Diff(routes, cfg.Routes, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	groups := []NexthopGroup{
		{ID: 7, Policy: Policy{Hold: 5 * time.Second, Present: true, AdminFails: true, Withdraw: true}}, {ID: maxGroupID},
	}
	if diff := cmp.Diff(groups, cfg.NexthopGroups, same, cmpopts.IgnoreFields(NexthopGroup{}, "Via", "Line")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	addresses := []Address{
		{Address: p("192.0.2.53/32"), Interface: "lo"},
		{Address: p("2001:db8::53/128"), Interface: "dummy0", All: true, Policy: Policy{Hold: time.Second}},
	}
	if diff := cmp.Diff(addresses, cfg.Addresses, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var made []string
	for _, w := range cfg.Watched() {
		made = append(made, w.Peer.String())
	}
	if diff := cmp.Diff([]string{"203.0.113.1", "2001:db8:9::9"}, made); diff != "" {
		t.Errorf("sessions that are made for them (-want +got):\n%s", diff)
	}
}

// What a reload finds to be another route, and what not.
func TestChangedRoutes(t *testing.T) {
	parse := func(s string) Config {
		cfg, err := Parse([]byte(s), "x")
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	const was = "routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1]}]\naddresses: [{address: 192.0.2.53/32, peers: [192.0.2.1]}]\n"
	for now, want := range map[string][]string{
		"\n\n" + was:                       nil,
		was + "peers: [{peer: 192.0.2.1}]": {"routes", "addresses"}, // whose session it is
		"routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1], metric: 30}]\naddresses: [{address: 192.0.2.53/32, peers: [192.0.2.1]}]": {"routes"},
		"routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1]}]\n":                                                                      {"addresses"},
	} {
		if diff := cmp.Diff(want, ChangedSettings(parse(was), parse(now))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", now, diff)
		}
	}
}

// TestProfileOfWatched: a session that routes share has the profile that one of them
// names, wherever that stands.
func TestProfileOfWatched(t *testing.T) {
	const profiles = "profiles: {fast: {transmit-interval: 10ms}}\n"
	for _, file := range []string{
		"routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1], profile: fast}, {prefix: 198.51.101.0/24, via: [192.0.2.1]}]\naddresses: [{address: 192.0.2.53/32, peers: [192.0.2.1]}]",
		"routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1]}, {prefix: 198.51.101.0/24, via: [192.0.2.1], profile: fast}]\nnexthop-groups: [{id: 1, via: [{gateway: 192.0.2.1, interface: eth0}]}]",
		"routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1]}]\naddresses: [{address: 192.0.2.53/32, peers: [192.0.2.1], profile: fast}]",
	} {
		cfg, err := Parse([]byte(profiles+file), "x")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, w := range cfg.watches() {
			if w.Session.Profile != "fast" || w.Session.DesiredMinTx != 10000 {
				t.Errorf("%s: session with profile %q and %d us", file, w.Session.Profile, w.Session.DesiredMinTx)
			}
		}
		if n := len(cfg.Watched()); n != 1 {
			t.Errorf("%s: %d sessions", file, n)
		}
	}
}
