package netlinkmon

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
)

// RFC 5881 §4: which address echo packets may come from.
func TestEchoSource(t *testing.T) {
	lo := EchoSource{Interface: "lo"}
	given := func(list ...string) EchoSource {
		var e EchoSource
		for _, s := range list {
			e.Addresses = append(e.Addresses, ip(s))
		}
		return e
	}
	four, six := Target{Peer: ip("192.0.2.9")}, Target{Peer: ip("2001:db8::9")}
	for _, c := range []struct {
		name   string
		more   []event
		e      EchoSource
		t      Target
		want   string
		reason string
	}{
		{"none", nil, EchoSource{}, four, "", noEcho},
		{"of an interface", []event{addAddr(1, "10.0.0.5/32")}, lo, four, "10.0.0.5", ""},
		{"of an interface, IPv6", []event{addAddr(1, "2001:db8:5::5/128")}, lo, six, "2001:db8:5::5", ""},
		{"lowest first", []event{addAddr(1, "10.0.0.6/32"), addAddr(1, "10.0.0.5/32"), addAddr(1, "10.0.0.7/32")}, lo, four, "10.0.0.5", ""},
		{"primary first", []event{addAddr(1, "10.0.0.5/32", unix.IFA_F_SECONDARY), addAddr(1, "10.0.0.6/32")}, lo, four, "10.0.0.6", ""},
		{"usable ones only", []event{addAddr(1, "2001:db8:5::5/128", unix.IFA_F_TENTATIVE), addAddr(1, "2001:db8:5::6/128")}, lo, six, "2001:db8:5::6", ""},
		{"not the loopback's own", nil, lo, four, "", "echo-source interface lo has no usable global IPv4 address"},
		{"not a link-local one", nil, EchoSource{Interface: "eth1"}, six, "", "echo-source interface eth1 has no usable global IPv6 address"},
		{"of another link", nil, EchoSource{Interface: "eth1"}, four, "198.51.100.1", ""},
		{"first that is allowed", []event{addAddr(1, "192.0.2.77/32"), addAddr(1, "198.18.0.1/32")}, lo, four, "198.18.0.1", ""},
		{"of no interface", nil, EchoSource{Interface: "lo0"}, four, "", "echo-source interface lo0 does not exist"},
		{"given", nil, given("10.9.9.9", "2001:db8:9::9"), four, "10.9.9.9", ""},
		{"given, IPv6", nil, given("10.9.9.9", "2001:db8:9::9"), six, "2001:db8:9::9", ""},
		{"given, IPv4-mapped", nil, given("::ffff:10.9.9.9"), four, "10.9.9.9", ""},
		{"given, but not for the family", nil, given("10.9.9.9"), six, "", "echo-source has no IPv6 address"},
		{"given for one family, interface for the other", []event{addAddr(1, "2001:db8:5::5/128")},
			EchoSource{Interface: "lo", Addresses: []netip.Addr{ip("10.9.9.9")}}, six, "2001:db8:5::5", ""},

		{"link-local", nil, given("fe80::77"), six, "", "echo source fe80::77 is link-local"},
		{"link-local, with zone", nil, given("fe80::77%eth0"), six, "", "echo source fe80::77 is link-local"},
		{"link-local, IPv4", nil, given("169.254.1.1"), four, "", "echo source 169.254.1.1 is link-local"},
		{"multicast", nil, given("224.0.0.5"), four, "", "echo source 224.0.0.5 is not a global unicast address"},
		{"loopback", nil, given("127.0.0.1"), four, "", "echo source 127.0.0.1 is not a global unicast address"},
		{"the peer's", nil, given("192.0.2.9"), four, "", "echo source 192.0.2.9 is the peer's own address"},
		{"the local one", nil, given("192.0.2.1"), four, "", "echo source 192.0.2.1 is the session's own local address"},
		{"in the link's subnet", nil, given("192.0.2.77"), four, "", "echo source 192.0.2.77 is within 192.0.2.0/24, a subnet of interface eth0"},
		{"in the link's subnet, IPv6", nil, given("2001:db8::77"), six, "", "echo source 2001:db8::77 is within 2001:db8::/64, a subnet of interface eth0"},
		{"in the longest of several", []event{addAddr(2, "192.0.0.1/16"), addAddr(2, "192.0.2.65/26")}, given("192.0.2.77"), four, "",
			"echo source 192.0.2.77 is within 192.0.2.64/26, a subnet of interface eth0"},
		{"all of an interface in the link's subnet", []event{addAddr(1, "192.0.2.77/32"), addAddr(1, "192.0.2.78/32")}, lo, four, "",
			"echo source 192.0.2.77 is within 192.0.2.0/24, a subnet of interface eth0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := have(append(ethernet(), c.more...)...)
			s.echo = c.e.normal()
			p := s.resolve(c.t, func(subject) {})
			if !p.Ready || p.EchoSource != ip(c.want) || p.EchoReason != c.reason {
				t.Errorf("have %v, %q, want %q, %q; %+v", p.EchoSource, p.EchoReason, c.want, c.reason, p)
			}
		})
	}
	rows.Covers(t, "5881-4-11", "5881-4-12")
}

// A path that is not ready, or of many hops, has no echo source and no reason.
func TestEchoSourceOnlyWhereOfUse(t *testing.T) {
	s := have(append(ethernet(), addLink(3, "eth1", down))...)
	multi := Target{Multihop: true, Peer: ip("203.0.113.9"), Local: ip("192.0.2.1")}
	s.lookups.answers[query{peer: multi.Peer, local: multi.Local}] = answer{kind: unix.RTN_UNICAST, ifindex: 2}
	s.echo.Addresses = []netip.Addr{ip("10.9.9.9")}
	for _, target := range []Target{multi, {Peer: ip("198.51.100.9")}} {
		if p := s.resolve(target, func(subject) {}); p.EchoSource.IsValid() || p.EchoReason != "" {
			t.Errorf("have %+v", p)
		}
	}
}

// Who looks at the echo source's interface is told when it changes.
func TestEchoSourceLooksAt(t *testing.T) {
	s := have(append(ethernet(), addAddr(1, "10.0.0.5/32"))...)
	s.echo.Interface = "lo"
	var got []subject
	s.resolve(Target{Peer: ip("192.0.2.9"), Interface: "eth0"}, func(s subject) {
		if !slices.Contains(got, s) {
			got = append(got, s)
		}
	})
	want := []subject{
		{kind: byName, name: "eth0"}, {kind: byIndex, index: 2}, {kind: byName, name: "lo"}, {kind: byIndex, index: 1},
		{kind: neighbour, index: 2, ip: ip("192.0.2.9")},
	}
	if len(got) != len(want) {
		t.Fatalf("have %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("have %v, want %v", got[i], want[i])
		}
	}
}
