package interop

import (
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/internal/testnet"
)

// routed are two hosts with a router between, and a second link from the first
// one to the router:
//
//	a 192.0.2.1 ------ 192.0.2.254 +---+ 198.51.100.254 ------ 198.51.100.2 b
//	  203.0.113.1 ---- 203.0.113.254 r |
//	                               +---+
//
// IPv6 has 2001:db8:0:1:: and 2001:db8:0:2:: on the two sides.
type routed struct {
	a, b, r *host // r by its interface to b
}

// spare is a's other interface; the router's end is called the same.
const spare = "spare"

func newRouted(t testing.TB) routed {
	t.Helper()
	n := routed{
		a: &host{NS: testnet.NewNS(t, "a"), ifname: "a", v4: netip.MustParseAddr("192.0.2.1"), v6: netip.MustParseAddr("2001:db8:0:1::1")},
		b: &host{NS: testnet.NewNS(t, "b"), ifname: "b", v4: netip.MustParseAddr("198.51.100.2"), v6: netip.MustParseAddr("2001:db8:0:2::2")},
		r: &host{NS: testnet.NewNS(t, "r"), ifname: "rb", v4: netip.MustParseAddr("198.51.100.254"), v6: netip.MustParseAddr("2001:db8:0:2::254")},
	}
	testnet.Veth(t, n.a.NS, "a", n.r.NS, "ra")
	testnet.Veth(t, n.a.NS, spare, n.r.NS, spare)
	testnet.Veth(t, n.b.NS, "b", n.r.NS, "rb")
	for _, x := range []struct {
		h      *host
		ifname string
		addrs  []string
	}{
		{n.a, "a", []string{"192.0.2.1/24", "2001:db8:0:1::1/64"}},
		{n.r, "ra", []string{"192.0.2.254/24", "2001:db8:0:1::254/64"}},
		{n.a, spare, []string{"203.0.113.1/24"}},
		{n.r, spare, []string{"203.0.113.254/24"}},
		{n.r, "rb", []string{"198.51.100.254/24", "2001:db8:0:2::254/64"}},
		{n.b, "b", []string{"198.51.100.2/24", "2001:db8:0:2::2/64"}},
	} {
		for _, addr := range x.addrs {
			x.h.AddAddr(t, x.ifname, addr)
		}
	}
	n.r.forward(t, true)
	n.a.AddRoute(t, "a", "198.51.100.0/24", "192.0.2.254")
	n.a.AddRoute(t, "a", "2001:db8:0:2::/64", "2001:db8:0:1::254")
	n.b.AddRoute(t, "b", "192.0.2.0/24", "198.51.100.254")
	n.b.AddRoute(t, "b", "2001:db8:0:1::/64", "2001:db8:0:2::254")
	return n
}

// detour moves a's way to b, and b's to a, to the spare link.
func (n routed) detour(t testing.TB) {
	t.Helper()
	n.a.AddRoute(t, spare, "198.51.100.0/25", "203.0.113.254")
	n.r.AddRoute(t, spare, "192.0.2.1/32", "203.0.113.1")
	n.a.Sysctl(t, "net/ipv4/conf/all/rp_filter", "0")
}
