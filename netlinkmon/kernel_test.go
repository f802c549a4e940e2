package netlinkmon

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

var four1 = Target{Peer: ip("192.0.2.2"), Local: ip("192.0.2.1"), Interface: "x"}

func TestWaitsForInterface(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2")})
	if p := m.reason(1, "interface x does not exist"); p.Ifindex != 0 {
		t.Errorf("have %+v", p)
	}
	m.reason(2, "no interface is directly connected to 192.0.2.2")
	connect(t, a, b)
	for id := range uint32(2) {
		p := m.known(id+1, b.MAC(t, "y"))
		if p.Ifindex != a.Ifindex(t, "x") || p.Interface != "x" || p.LocalMAC != packet.MAC(a.MAC(t, "x")) ||
			p.Local != four1.Local || p.Peer != four1.Peer || p.NextHop != four1.Peer || !p.Up || p.Reason != "" || p.OffLink {
			t.Errorf("%d: have %+v", id+1, p)
		}
	}
}

func TestInterfaceMadeAgain(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2")})
	old := m.ready(1).Ifindex
	m.ready(2)
	a.DelLink(t, "x")
	m.await(1, "path without interface", func(p Path) bool { return !p.Ready && p.Ifindex == 0 })
	m.await(2, "path without interface", func(p Path) bool { return !p.Ready && p.Ifindex == 0 })
	m.reason(1, "interface x does not exist")
	connect(t, a, b)
	if p := m.known(1, b.MAC(t, "y")); p.Ifindex == old || p.Ifindex != a.Ifindex(t, "x") {
		t.Errorf("index was %d, now %+v", old, p)
	}
	m.known(2, b.MAC(t, "y"))
}

func TestInterfaceRenamed(t *testing.T) {
	a, _ := pair(t)
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2")})
	m.ready(1)
	index := m.ready(2).Ifindex
	a.SetDown(t, "x")
	a.Rename(t, "x", "wan")
	a.SetUp(t, "wan")
	m.reason(1, "interface x does not exist")
	p := m.await(2, "new name", func(p Path) bool { return p.Ready && p.Interface == "wan" })
	if p.Ifindex != index {
		t.Errorf("index was %d, now %d", index, p.Ifindex)
	}
	a.SetDown(t, "wan")
	a.Rename(t, "wan", "x")
	a.SetUp(t, "x")
	if p := m.ready(1); p.Ifindex != index {
		t.Errorf("index was %d, now %d", index, p.Ifindex)
	}
}

func TestInterfaceDownAndUp(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2")})
	index := m.known(1, b.MAC(t, "y")).Ifindex
	m.ready(2)
	a.SetDown(t, "x")
	for id := range uint32(2) {
		if p := m.reason(id+1, "interface x is down"); p.Ifindex != index || p.Up {
			t.Errorf("%d: have %+v", id+1, p)
		}
	}
	a.SetUp(t, "x")
	m.known(1, b.MAC(t, "y"))
	m.known(2, b.MAC(t, "y"))

	// The far end takes the carrier along: still fit to send, but not up.
	b.SetDown(t, "y")
	m.await(1, "loss of carrier", func(p Path) bool { return p.Ready && !p.Up })
	b.SetUp(t, "y")
	m.await(1, "carrier", func(p Path) bool { return p.Ready && p.Up })
}

func TestAddressRemoved(t *testing.T) {
	a, b := pair(t)
	a.AddAddr(t, "x", "192.0.2.7/24")
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2"), Interface: "x"})
	m.Watch(3, Target{Peer: ip("2001:db8::2"), Local: ip("2001:db8::1")})
	for id := range uint32(3) {
		m.known(id+1, b.MAC(t, "y"))
	}
	a.DelAddr(t, "x", "2001:db8::1/64")
	m.reason(3, "no interface has address 2001:db8::1")
	// A secondary address goes with its primary unless the kernel is told to promote it.
	a.Sysctl(t, "net/ipv4/conf/x/promote_secondaries", "1")
	a.DelAddr(t, "x", "192.0.2.1/24")
	if p := m.reason(1, "address 192.0.2.1 is not on interface x"); p.Ifindex == 0 {
		t.Errorf("have %+v", p)
	}
	m.await(2, "other address", func(p Path) bool { return p.Ready && p.Local == ip("192.0.2.7") })
	a.AddAddr(t, "x", "192.0.2.1/24")
	a.AddAddr(t, "x", "2001:db8::1/64")
	m.known(1, b.MAC(t, "y"))
	m.known(3, b.MAC(t, "y"))
}

func TestLinkLocal(t *testing.T) {
	a, b := pair(t)
	testnet.Veth(t, a, "x2", b, "y2")
	// The same two addresses on both links.
	for _, cidr := range []string{"fe80::a/64", "fe80::b/64"} {
		n, suffix := a, "x"
		if cidr == "fe80::b/64" {
			n, suffix = b, "y"
		}
		n.AddAddr(t, suffix, cidr)
		n.AddAddr(t, suffix+"2", cidr)
	}
	m := follow(t, a)
	m.Watch(1, Target{Peer: ip("fe80::b"), Local: ip("fe80::a"), Interface: "x"})
	m.Watch(2, Target{Peer: ip("fe80::b%x2"), Local: ip("fe80::a")})
	m.Watch(3, Target{Peer: ip("fe80::b"), Interface: "x"})
	m.Watch(4, Target{Peer: ip("fe80::b")})
	if p := m.known(1, b.MAC(t, "y")); p.Ifindex != a.Ifindex(t, "x") || p.OffLink {
		t.Errorf("have %+v", p)
	}
	if p := m.known(2, b.MAC(t, "y2")); p.Ifindex != a.Ifindex(t, "x2") {
		t.Errorf("have %+v", p)
	}
	if p := m.known(3, b.MAC(t, "y")); !p.Local.IsLinkLocalUnicast() {
		t.Errorf("have %+v", p)
	}
	m.reason(4, "link-local peer fe80::b needs an interface")
}

// RFC 5881 §6: packets go over the protected hop, whatever routes say.
func TestRoutesElsewhere(t *testing.T) {
	a, b := pair(t)
	testnet.Veth(t, a, "x2", b, "y2")
	a.AddAddr(t, "x2", "198.51.100.1/24")
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2")})
	m.Watch(3, Target{Peer: ip("203.0.113.9")})
	m.Watch(4, Target{Peer: ip("203.0.113.9"), Interface: "x"})
	m.known(1, b.MAC(t, "y"))
	m.known(2, b.MAC(t, "y"))
	m.reason(3, "no interface is directly connected to 203.0.113.9")
	if p := m.ready(4); !p.OffLink || p.Local != ip("192.0.2.1") {
		t.Errorf("have %+v", p)
	}
	a.AddRoute(t, "x2", "192.0.2.2/32", "198.51.100.2")
	a.AddRoute(t, "x2", "203.0.113.0/24", "198.51.100.2")
	m.quiet(100 * time.Millisecond)

	a.AddRoute(t, "x", "203.0.113.9/32", "")
	if p := m.ready(3); p.Interface != "x" || p.OffLink {
		t.Errorf("have %+v", p)
	}
	m.await(4, "path on the link", func(p Path) bool { return p.Ready && !p.OffLink })
	a.DelRoute(t, "x", "203.0.113.9/32", "")
	m.reason(3, "no interface is directly connected to 203.0.113.9")
	m.await(4, "flagged path", func(p Path) bool { return p.Ready && p.OffLink })
}

func TestThousandTargets(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "y")
	mac := b.MAC(t, "y")
	const n = 1000
	targets, prefixes, neighs := manyPeers(n, mac)
	if err := a.NS.AddAddr("x", prefixes...); err != nil {
		t.Fatal(err)
	}
	if err := a.AddNeigh("x", neighs...); err != nil {
		t.Fatal(err)
	}
	m := follow(t, a)
	all := func(what string, cond func(Path) bool) {
		t.Helper()
		start := time.Now()
		for id := range uint32(n) {
			m.await(id, fmt.Sprintf("%s of %d", what, id), cond)
		}
		d := time.Since(start)
		t.Logf("%d × %s: %v", n, what, d)
		if d > patience {
			t.Errorf("took %v", d)
		}
	}
	for id, target := range targets {
		if id%2 == 0 {
			target.Interface = "x"
		}
		m.Watch(uint32(id), target)
	}
	all("ready path", func(p Path) bool { return p.Ready && p.MACKnown })
	for id, target := range targets {
		if p := m.paths[uint32(id)]; p.Peer != target.Peer || p.Local != target.Local || p.PeerMAC != packet.MAC(mac) {
			t.Fatalf("%d: want %+v, have %+v", id, target, p)
		}
	}
	// One neighbour changes: one update, and soon.
	var took []time.Duration
	for i := range byte(5) {
		m.got = nil
		other := net.HardwareAddr{2, 0, 0, 0, 9, i}
		start := time.Now()
		a.Neigh(t, "x", targets[500].Peer.String(), other)
		m.known(500, other)
		took = append(took, time.Since(start))
		if len(m.got) != 1 {
			t.Errorf("%d updates", len(m.got))
		}
	}
	t.Logf("change of one neighbour told in %v", took)
	if d := slices.Min(took); d > 100*time.Millisecond { // the machine may be busy in some
		t.Errorf("told after %v at best", d)
	}
	m.quiet(50 * time.Millisecond)
	a.SetDown(t, "x")
	all("loss", func(p Path) bool { return !p.Ready })
	// The kernel has forgotten them. To resolve as many would leave it none for others.
	if err := a.AddNeigh("x", neighs...); err != nil {
		t.Fatal(err)
	}
	a.SetUp(t, "x")
	all("return", func(p Path) bool { return p.Ready })
	a.DelLink(t, "x")
	all("end", func(p Path) bool { return p.Ifindex == 0 })
}
