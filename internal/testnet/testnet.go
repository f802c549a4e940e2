package testnet

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/netns"
)

// NS is a network namespace of one test. The methods of the embedded value
// return errors; those that take a testing.TB fail the test instead.
type NS struct {
	*netns.NS
}

var made atomic.Int64

// NewNS makes a namespace that is removed when the test ends; see netns.New.
// It requires root.
func NewNS(t testing.TB, name string) *NS {
	t.Helper()
	RequireRoot(t)
	n, err := netns.New(fmt.Sprintf("%s-%d", name, made.Add(1)))
	must(t, err)
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close namespace: %v", err)
		}
	})
	return &NS{n}
}

// Veth joins two namespaces by a veth pair, both ends up.
func Veth(t testing.TB, a *NS, an string, b *NS, bn string, opts ...netns.VethOptions) {
	t.Helper()
	must(t, netns.Veth(a.NS, an, b.NS, bn, option(t, opts)))
}

func option(t testing.TB, opts []netns.VethOptions) netns.VethOptions {
	t.Helper()
	switch len(opts) {
	case 0:
		return netns.VethOptions{}
	case 1:
		return opts[0]
	}
	t.Fatal("more than one set of veth options")
	return netns.VethOptions{}
}

// AddAddr gives an interface an address such as "192.0.2.1/24".
func (n *NS) AddAddr(t testing.TB, ifname, cidr string) {
	t.Helper()
	must(t, n.NS.AddAddr(ifname, prefix(t, cidr)))
}

// DelAddr takes an address away.
func (n *NS) DelAddr(t testing.TB, ifname, cidr string) {
	t.Helper()
	must(t, n.NS.DelAddr(ifname, prefix(t, cidr)))
}

// Neigh enters a permanent neighbour.
func (n *NS) Neigh(t testing.TB, ifname, ip string, mac net.HardwareAddr) {
	t.Helper()
	must(t, n.AddNeigh(ifname, netns.Neigh{IP: addr(t, ip), MAC: mac}))
}

// DelNeigh deletes a neighbour entry.
func (n *NS) DelNeigh(t testing.TB, ifname, ip string) {
	t.Helper()
	must(t, n.NS.DelNeigh(ifname, addr(t, ip)))
}

// Neighs lists the neighbour entries of an interface.
func (n *NS) Neighs(t testing.TB, ifname string) []netlink.Neigh {
	t.Helper()
	list, err := n.NS.Neighs(ifname)
	must(t, err)
	return list
}

// AddRoute adds a route; via may be "" for a destination right on the link.
func (n *NS) AddRoute(t testing.TB, ifname, cidr, via string) {
	t.Helper()
	must(t, n.NS.AddRoute(ifname, prefix(t, cidr), router(t, via)))
}

// DelRoute deletes a route that AddRoute added.
func (n *NS) DelRoute(t testing.TB, ifname, cidr, via string) {
	t.Helper()
	must(t, n.NS.DelRoute(ifname, prefix(t, cidr), router(t, via)))
}

// Link looks an interface up.
func (n *NS) Link(t testing.TB, ifname string) netns.Interface {
	t.Helper()
	l, err := n.NS.Link(ifname)
	must(t, err)
	return l
}

// Ifindex returns an interface's index.
func (n *NS) Ifindex(t testing.TB, ifname string) int {
	t.Helper()
	return n.Link(t, ifname).Index
}

// MAC returns an interface's Ethernet address.
func (n *NS) MAC(t testing.TB, ifname string) net.HardwareAddr {
	t.Helper()
	return n.Link(t, ifname).MAC
}

// SetUp brings an interface up.
func (n *NS) SetUp(t testing.TB, ifname string) {
	t.Helper()
	must(t, n.NS.SetUp(ifname))
}

// SetDown brings an interface down.
func (n *NS) SetDown(t testing.TB, ifname string) {
	t.Helper()
	must(t, n.NS.SetDown(ifname))
}

// DelLink deletes an interface.
func (n *NS) DelLink(t testing.TB, ifname string) {
	t.Helper()
	must(t, n.NS.DelLink(ifname))
}

// Rename gives an interface another name.
func (n *NS) Rename(t testing.TB, ifname, name string) {
	t.Helper()
	must(t, n.NS.Rename(ifname, name))
}

// SetMaster makes an interface a part of another, or of none ("").
func (n *NS) SetMaster(t testing.TB, ifname, master string) {
	t.Helper()
	must(t, n.NS.SetMaster(ifname, master))
}

// AddLink adds a device, which is down unless l says otherwise.
func (n *NS) AddLink(t testing.TB, l netlink.Link) {
	t.Helper()
	must(t, n.NS.AddLink(l))
}

// SetMAC changes an interface's Ethernet address.
func (n *NS) SetMAC(t testing.TB, ifname string, mac net.HardwareAddr) {
	t.Helper()
	must(t, n.NS.SetMAC(ifname, mac))
}

// Sysctl writes a kernel parameter, named by its path below /proc/sys.
func (n *NS) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	must(t, n.NS.Sysctl(name, value))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func prefix(t testing.TB, s string) netip.Prefix {
	t.Helper()
	p, err := netip.ParsePrefix(s)
	must(t, err)
	return p
}

func addr(t testing.TB, s string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(s)
	must(t, err)
	return a
}

func router(t testing.TB, s string) netip.Addr {
	t.Helper()
	if s == "" {
		return netip.Addr{}
	}
	return addr(t, s)
}
