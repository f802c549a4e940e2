package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no input makes Parse panic, and every answer is a valid Config or
// an *Error that can be shown.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/errors/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no seeds: %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		cfg, err := Parse(source, "x")
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || len(refused.Problems) == 0 || refused.Detail() == "" {
				t.Fatalf("not an *Error that says something: %#v", err)
			}
			return
		}
		pool := map[uint32]bool{}
		for _, k := range cfg.Keys {
			if pool[k.ID] || k.Secret.Len() < 1 || k.Secret.Len() > k.Method.Type.MaxSecret() {
				t.Fatalf("accepted %+v", k)
			}
			pool[k.ID] = true
		}
		again := written(t, cfg)
		sameStandings(t, cfg, again)
		for i, p := range cfg.Peers {
			if again.Peers[i].Line = p.Line; again.Peers[i] != p {
				t.Fatalf("%+v, written and read back, is %+v", p, again.Peers[i])
			}
		}
		keys := map[Key]bool{}
		for _, p := range cfg.Peers {
			if keys[p.Key()] {
				t.Fatalf("%v stands twice", p.Key())
			}
			keys[p.Key()] = true
			if p.Auth.On && !pool[p.Auth.Key] {
				t.Fatalf("accepted %+v without its key", p)
			}
			if p.EchoTx != 0 && (p.EchoTx < minTx || !cfg.EchoSource.Set()) || p.EchoRx != 0 && (p.EchoRx < minTx || p.Multihop) ||
				p.Multihop != (p.MinTTL != 0) || p.Unaffiliated && !cfg.EchoSource.Set() {
				t.Fatalf("accepted %+v with %+v", p, cfg.EchoSource)
			}
			if same, faults := p.With(Settings{}); same != p || faults != nil {
				t.Fatalf("without a change, %+v becomes %+v: %v", p, same, faults)
			}
			if p.DesiredMinTx < minTx || p.RequiredMinRx == 0 && !p.HoldDown || p.DetectMult == 0 || p.DSCP > maxDSCP || !p.Peer.IsValid() {
				t.Fatalf("accepted %+v", p)
			}
			if _, faults := NewPeer(p.Key(), "", Settings{}, nil); faults != nil {
				t.Fatalf("accepted %+v, which is refused by itself: %v", p, faults)
			}
		}
	})
}

// sameStandings checks that what was written and read back asks for the same routes
// and addresses, and none twice.
func sameStandings(t *testing.T, cfg, again Config) {
	t.Helper()
	if !sameRoutes(cfg.Routes, again.Routes) || !sameGroups(cfg.NexthopGroups, again.NexthopGroups) || !sameAddresses(cfg.Addresses, again.Addresses) {
		t.Fatalf("%+v and %+v,\nwritten and read back, are\n%+v and %+v", cfg.Routes, cfg.Addresses, again.Routes, again.Addresses)
	}
	had := map[standing]bool{}
	for _, r := range cfg.Routes {
		at := standing{prefix: r.Prefix, table: r.Table, metric: r.Metric}
		if had[at] || r.Prefix != r.Prefix.Masked() || r.Metric == 0 || r.Table == 0 || (len(r.Via) == 0) == (r.Group == 0) {
			t.Fatalf("accepted %+v", r)
		}
		had[at] = true
	}
	for _, g := range cfg.NexthopGroups {
		at := standing{id: g.ID}
		if had[at] || g.ID == 0 || len(g.Via) == 0 {
			t.Fatalf("accepted %+v", g)
		}
		had[at] = true
	}
	for _, a := range cfg.Addresses {
		at := standing{prefix: a.Address, ifname: a.Interface}
		if had[at] || !a.Address.IsValid() || len(a.Peers) == 0 {
			t.Fatalf("accepted %+v", a)
		}
		had[at] = true
	}
}

// FuzzRoutes: routes and addresses that are accepted, written and read back ask for
// the same, beside peers that some of them mean.
func FuzzRoutes(f *testing.F) {
	const head = "profiles: {p: {transmit-interval: 50ms}}\npeers:\n  - {peer: 192.0.2.1, profile: p}\n" +
		"  - {peer: 192.0.2.2, interface: eth0}\n  - {peer: 192.0.2.2, interface: eth1}\n  - {peer: fe80::1%eth1}\n"
	for _, source := range []string{
		"routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1, 192.0.2.3], profile: p, metric: 7, table: main}]",
		"routes: [{prefix: 0.0.0.0/0, via: [{gateway: 192.0.2.2, interface: eth1, weight: 3}], on-down: {raise-metric: 100}, source: 192.0.2.9, hold: 5s}]",
		"routes: [{prefix: \"2001:db8:1::/48\", via: [\"fe80::1%eth1\"], initial: present, admin-down: fail, on-exit: withdraw, table: 100}]",
		"routes: [{prefix: 10.0.0.0/8, via: [{gateway: 192.0.2.1, peer: 10.0.0.8, local-address: 10.0.0.2, multihop: true}]}]",
		"nexthop-groups: [{id: 7, via: [{gateway: 192.0.2.3, interface: eth0, weight: 2}, \"fe80::1%eth1\"], hold: 1s, initial: present}]\n" +
			"routes: [{prefix: 10.0.0.0/8, nexthop-group: 7, source: 192.0.2.9, on-exit: withdraw}]",
		"addresses: [{address: 192.0.2.53/32, peers: [192.0.2.1, {peer: 192.0.2.2, interface: eth0}], require: all, hold: 1s}]",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		cfg, err := Parse([]byte(head+source), "x")
		if err == nil {
			sameStandings(t, cfg, written(t, cfg))
		}
	})
}

// FuzzInterval: whatever is accepted can be written and read back unchanged.
func FuzzInterval(f *testing.F) {
	for _, text := range []string{"50ms", "3.3ms", "100us", "1s", "300", "4294.967295s", "1.5us", ".", "9999999999999999s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		us, err := ParseInterval(text, Milliseconds)
		if err != nil {
			return
		}
		again, err := ParseInterval(FormatInterval(uint64(us)), Milliseconds)
		if err != nil || again != us {
			t.Fatalf("%q is %dus, written as %s, read back as %d, %v", text, us, FormatInterval(uint64(us)), again, err)
		}
	})
}
