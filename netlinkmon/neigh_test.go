package netlinkmon

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// manyPeers makes n /31 pairs: targets, their local prefixes, their neighbours.
func manyPeers(n int, mac net.HardwareAddr) (targets []Target, local []netip.Prefix, neighs []netns.Neigh) {
	for i := range n {
		mine := netip.AddrFrom4([4]byte{10, 0, byte(i / 100), byte(i % 100 * 2)})
		local = append(local, netip.PrefixFrom(mine, 31))
		targets = append(targets, Target{Peer: mine.Next(), Local: mine})
		neighs = append(neighs, netns.Neigh{IP: mine.Next(), MAC: mac})
	}
	return targets, local, neighs
}

// announcer returns a function that sends a gratuitous ARP request (RFC 5227
// §3) for addr from an interface. Its socket stays open, since closing one of
// this kind takes the kernel milliseconds.
func announcer(t *testing.T, b *testnet.NS, ifname, addr string) func(mac net.HardwareAddr) {
	t.Helper()
	mine := ip(addr).AsSlice()
	fd, to := -1, unix.SockaddrLinklayer{Ifindex: b.Ifindex(t, ifname)}
	err := b.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return func(mac net.HardwareAddr) {
		broadcast := []byte{255, 255, 255, 255, 255, 255}
		frame := append(append(broadcast, mac...), 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1)
		frame = append(append(frame, mac...), mine...)
		frame = append(append(frame, 0, 0, 0, 0, 0, 0), mine...)
		if err := unix.Sendto(fd, frame, 0, &to); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNeighbourIsResolvedAndKept(t *testing.T) {
	for _, peer := range []string{"192.0.2.2", "2001:db8::2"} {
		t.Run(peer, func(t *testing.T) {
			a, b := pair(t)
			m := follow(t, a)
			start := time.Now()
			m.Watch(1, Target{Peer: ip(peer)})
			m.Watch(2, Target{Peer: ip(peer), Interface: "x"})
			m.known(1, b.MAC(t, "y"))
			m.known(2, b.MAC(t, "y"))
			if d := time.Since(start); d > time.Second {
				t.Errorf("resolved after %v", d)
			}
			if e := entry(t, a, peer); !managed(e) {
				t.Errorf("the kernel does not keep the entry: %+v", e)
			}
			m.Unwatch(1)
			m.quiet(50 * time.Millisecond)
			if e := entry(t, a, peer); !managed(e) {
				t.Errorf("the entry was let go while it is still watched: %+v", e)
			}
			m.Unwatch(2)
			testnet.Eventually(t, patience, "entry let go", func() bool {
				e := entry(t, a, peer)
				return e != nil && !managed(e)
			})
		})
	}
}

// A neighbour that has taken another Ethernet address and told nobody is found by it
// when it is doubted. The kernel alone would not for long.
func TestNeighbourDoubted(t *testing.T) {
	for family, peer := range map[string]string{"ipv4": "192.0.2.2", "ipv6": "2001:db8::2"} {
		t.Run(family, func(t *testing.T) {
			a, b := pair(t)
			a.Sysctl(t, "net/"+family+"/neigh/x/base_reachable_time_ms", "3600000")
			a.Sysctl(t, "net/"+family+"/neigh/x/retrans_time_ms", "200")
			m := follow(t, a)
			m.Watch(1, Target{Peer: ip(peer)})
			m.known(1, b.MAC(t, "y"))
			testnet.Eventually(t, patience, "the kernel takes the entry for right", func() bool {
				e := entry(t, a, peer)
				return e != nil && e.State == netlink.NUD_REACHABLE && managed(e)
			})
			m.Doubt(2) // there is no such session
			b.SetMAC(t, "y", net.HardwareAddr{2, 0, 0, 0, 0, 0x78})
			m.Doubt(1)
			m.known(1, b.MAC(t, "y"))
			testnet.Eventually(t, patience, "the kernel keeps the entry", func() bool { return managed(entry(t, a, peer)) })
		})
	}
}

// A neighbour that comes late is found without anybody sending to it.
func TestNeighbourComesLater(t *testing.T) {
	a, b := pair(t)
	a.Sysctl(t, "net/ipv4/neigh/x/mcast_solicit", "1")
	events, done := make(chan netlink.NeighUpdate), make(chan struct{})
	defer close(done)
	if err := netlink.NeighSubscribeAt(vnetns.NsHandle(a.FD()), events, done); err != nil {
		t.Fatal(err)
	}
	m := follow(t, a)
	m.Watch(1, Target{Peer: ip("192.0.2.50")})
	m.ready(1)
	failed := false
	for deadline := time.After(patience); !failed; {
		select {
		case e := <-events:
			failed = e.State == netlink.NUD_FAILED && e.IP.String() == "192.0.2.50"
		case <-deadline:
			t.Fatal("the kernel goes on resolving")
		}
	}
	go func() {
		for range events { // until done
		}
	}()
	b.AddAddr(t, "y", "192.0.2.50/24")
	m.known(1, b.MAC(t, "y"))
}

func TestCloseLetsGo(t *testing.T) {
	a, _ := pair(t)
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.99"), Interface: "x"})
	m.await(1, "resolved path", func(p Path) bool { return p.MACKnown })
	if p := m.ready(2); p.MACKnown {
		t.Errorf("nobody has 192.0.2.99, but %+v", p)
	}
	testnet.Eventually(t, patience, "both entries kept", func() bool {
		return managed(entry(t, a, "192.0.2.2")) && managed(entry(t, a, "192.0.2.99"))
	})
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if e := entry(t, a, "192.0.2.2"); e == nil || managed(e) {
		t.Errorf("entry in use was not let go as it was: %+v", e)
	}
	if e := entry(t, a, "192.0.2.99"); e != nil {
		t.Errorf("entry without an address was left behind: %+v", e)
	}
	for u := range m.Updates() {
		m.got = append(m.got, u) // closed, or this does not end
	}
	m.Watch(3, four1) // and nothing hangs
	m.Unwatch(3)
}

func TestNeighbourChangesMAC(t *testing.T) {
	a, b := pair(t)
	// The kernel ignores a change within locktime of the one before, to fend
	// off several answers to one request.
	a.Sysctl(t, "net/ipv4/neigh/x/locktime", "0")
	m := follow(t, a)
	m.Watch(1, four1)
	m.known(1, b.MAC(t, "y"))
	announce := announcer(t, b, "y", "192.0.2.2")
	var took []time.Duration
	for i := range byte(11) {
		mac := net.HardwareAddr{2, 0, 0, 0, 7, i}
		b.SetMAC(t, "y", mac)
		start := time.Now()
		announce(mac)
		m.known(1, mac)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("told in %v", took)
	if took[5] > 100*time.Millisecond { // the median: the machine may be busy
		t.Errorf("told after %v", took[5])
	}
	mine := net.HardwareAddr{2, 0, 0, 0, 8, 8}
	a.SetMAC(t, "x", mine)
	m.await(1, "own new address", func(p Path) bool { return p.LocalMAC == packet.MAC(mine) })
}

func TestPermanentNeighbourIsLeftAlone(t *testing.T) {
	a, b := pair(t)
	one, two := net.HardwareAddr{2, 0, 0, 0, 1, 1}, net.HardwareAddr{2, 0, 0, 0, 1, 2}
	alone := func(mac net.HardwareAddr) {
		t.Helper()
		e := entry(t, a, "192.0.2.2")
		if e == nil || e.State != netlink.NUD_PERMANENT || e.FlagsExt != 0 || e.HardwareAddr.String() != mac.String() {
			t.Errorf("entry was touched: %+v", e)
		}
	}
	a.Neigh(t, "x", "192.0.2.2", one)
	m := follow(t, a)
	m.Watch(1, four1)
	if p := m.ready(1); !p.MACKnown || p.PeerMAC != packet.MAC(one) {
		t.Errorf("first path does not know what the kernel does: %+v", p)
	}
	m.quiet(50 * time.Millisecond)
	alone(one)
	a.Neigh(t, "x", "192.0.2.2", two)
	m.known(1, two)
	m.quiet(50 * time.Millisecond)
	alone(two)
	m.Unwatch(1)
	m.quiet(50 * time.Millisecond)
	alone(two)

	// Without the entry the kernel resolves; a permanent one over that wins again.
	m.Watch(1, four1)
	m.known(1, two)
	a.DelNeigh(t, "x", "192.0.2.2")
	m.known(1, b.MAC(t, "y"))
	testnet.Eventually(t, patience, "entry kept", func() bool { return managed(entry(t, a, "192.0.2.2")) })
	a.Neigh(t, "x", "192.0.2.2", one)
	m.known(1, one)
	_ = m.Close()
	alone(one)
}

// A second deletion right after the first must heal too, though not in a race.
func TestNeighbourDeleted(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	m.Watch(1, four1)
	m.known(1, b.MAC(t, "y"))
	for range 2 {
		testnet.Eventually(t, patience, "entry kept", func() bool { return managed(entry(t, a, "192.0.2.2")) })
		a.DelNeigh(t, "x", "192.0.2.2")
		m.await(1, "unknown MAC", func(p Path) bool { return !p.MACKnown })
		m.known(1, b.MAC(t, "y"))
	}
}

func TestForeignManagedNeighbourStays(t *testing.T) {
	a, b := pair(t)
	keep(t, a, 0)
	m := follow(t, a)
	m.Watch(1, four1)
	m.known(1, b.MAC(t, "y"))
	_ = m.Close()
	if e := entry(t, a, "192.0.2.2"); !managed(e) {
		t.Errorf("somebody else's wish was taken back: %+v", e)
	}
}

// What a process that died had asked for is taken back by the next.
func TestOrphansAreAdopted(t *testing.T) {
	a, b := pair(t)
	keep(t, a, protocol)
	m := follow(t, a)
	m.Watch(1, four1)
	m.known(1, b.MAC(t, "y"))
	_ = m.Close()
	if e := entry(t, a, "192.0.2.2"); e == nil || managed(e) {
		t.Errorf("orphan is still kept: %+v", e)
	}
}

// keep has the kernel keep 192.0.2.2, as another program would.
func keep(t *testing.T, n *testnet.NS, by int) {
	t.Helper()
	err := n.Do(func() error {
		k, err := openKernel()
		if err != nil {
			return err
		}
		defer k.close()
		key := neighKey{n.Ifindex(t, "x"), ip("192.0.2.2")}
		if by == protocol {
			return k.keep(key, false)
		}
		return netlink.NeighAdd(&netlink.Neigh{
			LinkIndex: key.index, IP: key.ip.AsSlice(), FlagsExt: netlink.NTF_EXT_MANAGED,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, n, "192.0.2.2"); !managed(e) {
		t.Fatalf("not kept: %+v", e)
	}
}

// A kernel before 5.16 does not keep entries; they are refreshed when they go
// stale.
func TestNeighbourOnOlderKernel(t *testing.T) {
	a, b := pair(t)
	a.Sysctl(t, "net/ipv4/neigh/x/base_reachable_time_ms", "100")
	a.Sysctl(t, "net/ipv4/neigh/x/delay_first_probe_time", "0")
	m := follow(t, a)
	if !m.do(func() { m.loop.kernel.keeping = 0 }) {
		t.Fatal("monitor has ended")
	}
	m.Watch(1, four1)
	m.known(1, b.MAC(t, "y"))
	was := func() uint32 { return entry(t, a, "192.0.2.2").Confirmed }
	confirmed := 0
	for deadline := time.Now().Add(patience); confirmed < 2; {
		if time.Now().After(deadline) {
			t.Fatal("the entry was not confirmed twice")
		}
		age := was()
		time.Sleep(10 * time.Millisecond)
		if was() < age { // Confirmed is how long ago
			confirmed++
		}
	}
	if e := entry(t, a, "192.0.2.2"); managed(e) {
		t.Errorf("have %+v", e)
	}
}
