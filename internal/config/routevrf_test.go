package config

import (
	"strings"
	"testing"
)

// The sessions of what is in a VRF are those of the VRF, and a route is in its table.
func TestRoutesInVRF(t *testing.T) {
	cfg, err := Parse([]byte(`
peers:
  - {peer: 192.0.2.1}
  - {peer: 192.0.2.1, vrf: red}
routes:
  - {prefix: 198.51.100.0/24, via: [192.0.2.1, 192.0.2.3], vrf: red}
  - {prefix: 198.51.100.0/24, via: [192.0.2.1], vrf: default}
nexthop-groups:
  - {id: 1, vrf: red, via: [{gateway: 192.0.2.1, interface: eth1}]}
addresses:
  - {address: 192.0.2.53/32, interface: red, vrf: red, peers: [192.0.2.1]}
`), "x")
	if err != nil {
		t.Fatal(err)
	}
	red, base := cfg.Routes[0], cfg.Routes[1]
	if red.VRF != "red" || red.Table != 0 || base.VRF != "" || base.Table != MainTable {
		t.Errorf("routes in VRF %q, table %d and VRF %q, table %d", red.VRF, red.Table, base.VRF, base.Table)
	}
	for name, w := range map[string]Watch{"route": red.Via[0].Watch, "group": cfg.NexthopGroups[0].Via[0].Watch, "address": cfg.Addresses[0].Peers[0]} {
		if !w.InFile || w.Session.VRF != "red" {
			t.Errorf("%s depends on %+v", name, w.Session.Key())
		}
	}
	if made := red.Via[1].Watch; made.InFile || made.Session.VRF != "red" {
		t.Errorf("a session was made: %+v", made.Session.Key())
	}
	if w := base.Via[0].Watch; !w.InFile || w.Session.VRF != DefaultVRF {
		t.Errorf("the other route depends on %+v", w.Session.Key())
	}
	doc := cfg.Document()
	if doc.Routes[0].VRF != "red" || doc.Routes[0].Table != 0 || doc.Routes[1].VRF != "" || doc.Groups[0].VRF != "red" || doc.Addresses[0].VRF != "red" {
		t.Errorf("documented as %+v, %+v, %+v", doc.Routes, doc.Groups, doc.Addresses)
	}
	_, err = Parse([]byte("routes: [{prefix: 198.51.100.0/24, via: [192.0.2.1], vrf: red, table: 1010}]"), "x")
	if err == nil || !strings.Contains(err.Error(), "does not go with vrf, which has a table of its own") {
		t.Errorf("a VRF and a table: %v", err)
	}
}
