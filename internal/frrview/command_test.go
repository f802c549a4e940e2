package frrview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]Command{
		"show bfd peers":                                     {},
		"show bfd peers json":                                {JSON: true},
		"sh bfd peers br":                                    {What: Brief},
		"show bfd vrf red peers brief json":                  {What: Brief, VRF: "red", JSON: true},
		"show bfd peers counters json":                       {What: PeersCounters, JSON: true},
		"show bfd peer 192.0.2.1":                            {What: Peer, Peer: "192.0.2.1"},
		"show bfd vrf red peer 192.0.2.1 counters":           {What: PeerCounters, Peer: "192.0.2.1", VRF: "red"},
		"show bfd peer 192.0.2.1 interface eth0 counters js": {What: PeerCounters, Peer: "192.0.2.1", Interface: "eth0", JSON: true},
		"show bfd peer fe80::1 vrf red local-address fe80::2 multihop json": {
			What: Peer, Peer: "fe80::1", VRF: "red", Local: "fe80::2", Multihop: true, JSON: true,
		},
		"show bfd distributed":                           {What: Distributed},
		"show bfd static route json":                     {What: StaticRoutes, JSON: true},
		"clear bfd peers counters":                       {Clear: true, What: PeersCounters},
		"clear bfd vrf red peer json multihop counters":  {Clear: true, What: PeerCounters, VRF: "red", Peer: "json", Multihop: true},
		"clear bfd peer 192.0.2.1 counters interface e0": {Clear: true, What: PeerCounters, Peer: "192.0.2.1", Interface: "e0"},
	} {
		got, err := Parse(strings.Fields(line))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", line, err, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"":                                `at the beginning: want show, clear`,
		"configure terminal":              `"configure" at the beginning: want show, clear`,
		"show ip route":                   `"ip" after "show": want bfd`,
		"show bfd":                        `after "show bfd": want peers, peer, distributed, static, vrf`,
		"show bfd pe":                     `"pe" after "show bfd": want peers, peer, distributed, static, vrf`,
		"clear bfd distributed":           `"distributed" after "clear bfd": want peers, peer, vrf`,
		"show bfd vrf":                    `after "show bfd vrf": want a value`,
		"show bfd vrf red distributed":    `"distributed" after "show bfd vrf red": want peers, peer`,
		"show bfd peers brief counters":   `"counters" after "show bfd peers brief": want json`,
		"show bfd peers json json":        `"json" after "show bfd peers json": want brief, counters`,
		"show bfd distributed json":       `"json" after "show bfd distributed": want nothing more`,
		"show bfd static":                 `after "show bfd static": want route`,
		"show bfd peer":                   `after "show bfd peer": want a value`,
		"show bfd peer 192.0.2.1 vrf":     `after "show bfd peer 192.0.2.1 vrf": want a value`,
		"clear bfd peers":                 `after "clear bfd peers": want counters`,
		"clear bfd peer 192.0.2.1":        `after "clear bfd peer 192.0.2.1": want counters`,
		"clear bfd peers counters json":   `"json" after "clear bfd peers counters": want nothing more`,
		"clear bfd peer 1.1.1.1 c json":   `"json" after "clear bfd peer 1.1.1.1 c": want multihop, local-address, interface, vrf`,
		"show bfd peer 192.0.2.1 peers":   `"peers" after "show bfd peer 192.0.2.1": want multihop, local-address, interface, vrf, counters, json`,
		"show bfd peers \u00e9":           `"é" after "show bfd peers": want brief, counters, json`,
		"show bfd peers brief json extra": `"extra" after "show bfd peers brief json": want nothing more`,
	} {
		if _, err := Parse(strings.Fields(line)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func TestCompletions(t *testing.T) {
	for line, want := range map[string]string{
		"":                             "show clear",
		"clear bfd":                    "peers peer vrf",
		"show bfd peers json":          "brief counters",
		"show bfd peer":                "",
		"clear bfd peer 1.1.1.1 multi": "local-address interface vrf counters",
		"show bfd distributed":         "",
		"show bgp":                     "bfd",
	} {
		if got := strings.Join(Completions(strings.Fields(line)), " "); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
