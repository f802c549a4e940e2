package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const fullExaBGP = `# every key, each with a value that is not its default
control: /run/xbfd/sock
hold: 5s
settle: 20s
daemon-away: withdraw
admin-down: withdraw
routes:
  - {prefix: 198.51.100.0/24, next-hop: self, peer: 192.0.2.1}
  - prefix: 2001:db8:1::/48
    next-hop: 2001:db8::9
    neighbors: [192.0.2.254, "2001:db8::fe"]
    attributes: "med 100  community [ 65000:1 ]"
    hold: 1s
    peer: fe80::1%eth0
    local-address: fe80::2
    multihop: false
`

func TestParseExaBGP(t *testing.T) {
	got, err := ParseExaBGP([]byte(fullExaBGP), "x")
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := ExaBGP{
		Control: "/run/xbfd/sock", Settle: 20 * time.Second, DaemonAway: "withdraw", AdminDown: "withdraw",
		Routes: []ExaBGPRoute{
			{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: "self", Hold: 5 * time.Second, Peer: addr("192.0.2.1")},
			{Prefix: netip.MustParsePrefix("2001:db8:1::/48"), NextHop: "2001:db8::9", Hold: time.Second,
				Neighbors: []netip.Addr{addr("192.0.2.254"), addr("2001:db8::fe")}, Attributes: "med 100 community [ 65000:1 ]",
				Peer: addr("fe80::1"), Local: addr("fe80::2"), Interface: "eth0", Multihop: &no},
		},
	}
	prefixes := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, got, compare, prefixes); diff != "" {
		t.Error(diff)
	}
}

func TestParseExaBGPRefuses(t *testing.T) {
	const fine = "{prefix: 198.51.100.0/24, next-hop: self, peer: 192.0.2.1"
	for source, says := range map[string]string{
		"":                     "routes: there are none",
		"routes: []":           "routes: there are none",
		"route: 1":             `did you mean "routes"`,
		"peers: []":            "peers",
		"daemon-away: stay":    `1:14: daemon-away: "stay" is not one of keep, withdraw`,
		"hold: 2h\nroutes: []": "hold: ",
		"routes: [{next-hop: self, peer: 192.0.2.1}]":                                  "routes[0].prefix: is missing",
		"routes: [{prefix: 198.51.100.0/24, peer: 192.0.2.1}]":                         "routes[0].next-hop: is missing",
		"routes: [{prefix: 198.51.100.0/24, next-hop: self}]":                          "routes[0].peer: is missing",
		"routes: [{prefix: 198.51.100.7/24, next-hop: self, peer: 192.0.2.1}]":         "write 198.51.100.0/24",
		"routes: [{prefix: 198.51.100.0, next-hop: self, peer: 192.0.2.1}]":            "is not an address with its length",
		"routes: [{prefix: \"::ffff:10.0.0.0/104\", next-hop: self, peer: 192.0.2.1}]": "is IPv4 written as IPv6",
		"routes: [{prefix: 198.51.100.0/24, next-hop: here, peer: 192.0.2.1}]":         "neither an address nor self",
		"routes: [{prefix: 198.51.100.0/24, next-hop: \"::1\", peer: 192.0.2.1}]":      "give a next hop of its family",
		"routes: [{prefix: 198.51.100.0/24, next-hop: self, peer: 0.0.0.0}]":           "unspecified",
		"routes: [" + fine + ", attributes: \"med 1\\nwithdraw route 0.0.0.0/0\"}]":    "want one line",
		"routes: [" + fine + ", attributes: next-hop 192.0.2.7}]":                      "has a key of its own",
		"routes: [" + fine + ", neighbors: router}]":                                   "is not an IP address",
		"routes: [" + fine + ", interface: \"a b\"}]":                                  "cannot be the name of an interface",
		"routes:\n  - " + fine + "}\n  - " + fine + ", neighbors: [192.0.2.254]}":      "3:5: routes[1]: 198.51.100.0/24 goes to the same neighbors",
	} {
		_, err := ParseExaBGP([]byte(source), "x")
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\nanswers %v, want %s", source, err, says)
		}
	}
}

// FuzzParseExaBGP: no input makes it panic, and what it takes makes commands of one
// line each.
func FuzzParseExaBGP(f *testing.F) {
	f.Add([]byte(fullExaBGP))
	f.Add([]byte("routes: [{prefix: 198.51.100.0/24, next-hop: self, peer: 192.0.2.1, attributes: \"a\\nb\"}]"))
	f.Fuzz(func(t *testing.T, source []byte) {
		x, err := ParseExaBGP(source, "x")
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Detail() == "" {
				t.Fatalf("not an *Error that says something: %#v", err)
			}
			return
		}
		for _, r := range x.Routes {
			if !r.Prefix.IsValid() || !r.Peer.IsValid() || r.NextHop == "" || strings.ContainsAny(r.NextHop+r.Attributes, "\r\n") || r.Hold < 0 {
				t.Fatalf("accepted %+v", r)
			}
		}
	})
}
