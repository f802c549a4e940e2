package netlinkmon

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// mesh is a host a with two links, x1-y1 and x2-y2, to a router r, and a host
// b behind it, z-w. The sessions are between addresses on the loopbacks.
type mesh struct {
	t       *testing.T
	a, r, b *testnet.NS
	routes  *netlink.Handle // of a
}

var (
	far4 = Target{Multihop: true, Peer: ip("10.0.0.2"), Local: ip("10.0.0.1")}
	far6 = Target{Multihop: true, Peer: ip("2001:db8::b"), Local: ip("2001:db8::a")}
)

func newMesh(t *testing.T) *mesh {
	t.Helper()
	testnet.NoLeaks(t)
	m := &mesh{t: t, a: testnet.NewNS(t, "a"), r: testnet.NewNS(t, "r"), b: testnet.NewNS(t, "b")}
	m.r.Sysctl(t, "net/ipv4/ip_forward", "1")
	m.r.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	for _, n := range []*testnet.NS{m.r, m.b} { // packets come in by either link
		n.Sysctl(t, "net/ipv4/conf/all/rp_filter", "0")
		n.Sysctl(t, "net/ipv4/conf/default/rp_filter", "0")
	}
	testnet.Veth(t, m.a, "x1", m.r, "y1")
	testnet.Veth(t, m.a, "x2", m.r, "y2")
	testnet.Veth(t, m.r, "z", m.b, "w")
	for _, e := range []struct {
		n     *testnet.NS
		name  string
		addrs []string
	}{
		{m.a, "lo", []string{"10.0.0.1/32", "2001:db8::a/128"}},
		{m.a, "x1", []string{"192.0.2.1/24", "2001:db8:1::1/64"}},
		{m.r, "y1", []string{"192.0.2.2/24", "2001:db8:1::2/64"}},
		{m.a, "x2", []string{"198.51.100.1/24", "2001:db8:2::1/64"}},
		{m.r, "y2", []string{"198.51.100.2/24", "2001:db8:2::2/64"}},
		{m.r, "z", []string{"203.0.113.1/24", "2001:db8:3::1/64"}},
		{m.b, "w", []string{"203.0.113.2/24", "2001:db8:3::2/64"}},
		{m.b, "lo", []string{"10.0.0.2/32", "2001:db8::b/128"}},
	} {
		for _, cidr := range e.addrs {
			e.n.AddAddr(t, e.name, cidr)
		}
	}
	m.r.AddRoute(t, "z", "10.0.0.2/32", "203.0.113.2")
	m.r.AddRoute(t, "z", "2001:db8::b/128", "2001:db8:3::2")
	var err error
	if m.routes, err = netlink.NewHandleAt(vnetns.NsHandle(m.a.FD()), unix.NETLINK_ROUTE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.routes.Close)
	return m
}

// follow starts a monitor of a that knows what the kernel tells and no more.
func (m *mesh) follow() *follower {
	m.t.Helper()
	f := follow(m.t, m.a)
	f.neverRefresh()
	return f
}

func (f *follower) neverRefresh() {
	f.do(func() { f.loop.asks.refresh = make(chan time.Time) })
}

// way describes a route of a: to dst by interface and router, which may be "".
func (m *mesh) way(dst, ifname, router string) *netlink.Route {
	m.t.Helper()
	p := netip.MustParsePrefix(dst)
	r := &netlink.Route{Dst: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if ifname != "" {
		r.LinkIndex = m.a.Ifindex(m.t, ifname)
	}
	if router == "" {
		return r
	}
	if via := ip(router); via.Is4() == p.Addr().Is4() {
		r.Gw = via.AsSlice()
	} else {
		r.Via = &netlink.Via{AddrFamily: unix.AF_INET6, Addr: via.AsSlice()}
	}
	return r
}

func (m *mesh) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// replace puts a route in the place of the one that a has to dst.
func (m *mesh) replace(dst, ifname, router string) {
	m.t.Helper()
	m.must(m.routes.RouteReplace(m.way(dst, ifname, router)))
}

// listener is a socket of b that multihop packets to a peer reach.
func (m *mesh) listener(peer netip.Addr) *net.UDPConn {
	m.t.Helper()
	var c *net.UDPConn
	m.must(m.b.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, packet.PortMultihop)))
		return err
	}))
	m.t.Cleanup(func() { _ = c.Close() })
	return c
}

// arrives sends a frame along p, as AF_XDP would, and checks that b gets it
// from the session's own address.
func (m *mesh) arrives(c *net.UDPConn, p Path) {
	m.t.Helper()
	var tmpl packet.Template
	tmpl.Render(&packet.Path{
		SrcMAC: p.LocalMAC, DstMAC: p.PeerMAC, Src: packet.AddrFrom(p.Local), Dst: packet.AddrFrom(p.Peer),
		SrcPort: 49152, DstPort: packet.PortMultihop,
	}, &packet.Control{}, nil)
	frame := make([]byte, packet.MaxFrame)
	frame = frame[:tmpl.Put(frame, 0)]
	m.must(m.a.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: p.Ifindex})
	}))
	m.must(c.SetReadDeadline(time.Now().Add(patience)))
	_, from, err := c.ReadFromUDPAddrPort(frame)
	if err != nil || from.Addr().Unmap() != p.Local {
		m.t.Errorf("frame along %+v: from %v, %v", p, from, err)
	}
}
