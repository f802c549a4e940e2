package interop

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// pair is the configuration of one xbfd of two that face each other in all
// three families.
func pair(from, to *host) string {
	return fmt.Sprintf(`
shutdown-hold: 500ms
profiles: {p: {transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: %d}}
peers:
  - {peer: %s, local-address: %s, interface: %s, profile: p}
  - {peer: "%s", local-address: "%s", interface: %[4]s, profile: p}
  - {peer: "%[7]s", interface: %[4]s, profile: p}
`, mult, to.v4, from.v4, from.ifname, to.v6, from.v6, to.ll)
}

// startPair runs two of them and waits until their sessions are Up.
func startPair(t testing.TB, a, b *host) (da, db *daemon) {
	t.Helper()
	da, db = start(t, a, pair(a, b)), start(t, b, pair(b, a))
	da.waitUp(t)
	db.waitUp(t)
	for _, s := range append(da.sessions(t), db.sessions(t)...) {
		if s.Transport != "xdp-native" {
			t.Errorf("session with %s runs over %s (%s)", s.Peer, s.Transport, s.TransportReason)
		}
	}
	return da, db
}

// waitPath waits until a session's path is as wanted, "ready" or a part of the
// reason why not.
func (d *daemon) waitPath(t testing.TB, peer netip.Addr, want string) (s control.Session) {
	t.Helper()
	eventually(t, patience, "path to "+peer.String()+": "+want, func() bool {
		s = d.session(t, peer)
		return strings.Contains(s.Path, want)
	})
	return s
}

// steered counts the frames that XDP gave to the daemon.
func (d *daemon) steered(t testing.TB) (n uint64) {
	t.Helper()
	for _, i := range d.status(t).Interfaces {
		n += i.Counters["steered"] + i.Counters["heard"]
	}
	return n
}

// TestInterfaceAppears starts xbfd before its interface is there.
func TestInterfaceAppears(t *testing.T) {
	t.Parallel()
	a, b := newHost(t, "a"), newHost(t, "b")
	da, db := start(t, a, pair(a, b)), start(t, b, pair(b, a))
	for _, peer := range []netip.Addr{b.v4, b.v6, b.ll} {
		if s := da.session(t, peer); s.State != "down" || s.Path != "interface a does not exist" || s.Transport != "" || s.Counters.Tx != 0 {
			t.Errorf("without an interface: %+v", s)
		}
	}
	da.log.wrote(t, 1, `level=WARN msg="sessions wait" reason="interface a does not exist" count=3`)
	testnet.Veth(t, a.NS, a.ifname, b.NS, b.ifname)
	da.waitPath(t, b.v4, "is not on interface a")
	a.address(t)
	b.address(t)
	da.waitUp(t)
	db.waitUp(t)
}

// TestInterfaceRecreated deletes the interface and makes it again, several
// times: the sessions fail, wait and come back, and nothing is left open.
func TestInterfaceRecreated(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	da, db := startPair(t, a, b)
	open := da.descriptors(t)
	for range 3 {
		a.DelLink(t, a.ifname)
		for _, peer := range []netip.Addr{b.v4, b.v6, b.ll} {
			da.waitPath(t, peer, "interface a")
			if s := da.waitState(t, peer, "down"); s.Diagnostic != "control-expiry" || s.Transport != "" {
				t.Errorf("without the interface: %+v", s)
			}
		}
		testnet.Veth(t, a.NS, a.ifname, b.NS, b.ifname)
		a.address(t)
		b.address(t)
		da.waitUp(t)
		db.waitUp(t)
	}
	// Connections to the control socket come and go.
	eventually(t, patience, "no descriptor leaks", func() bool { return da.descriptors(t) <= open })
	rows.Covers(t, "ENV-FB-01")
}

// descriptors counts the daemon's.
func (d *daemon) descriptors(t testing.TB) int {
	t.Helper()
	d.client.Close()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	must(t, err)
	return len(list)
}

// TestAddressMoves takes the local address away and gives it back.
func TestAddressMoves(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	da, db := startPair(t, a, b)
	a.DelAddr(t, a.ifname, a.v4.String()+"/24")
	da.waitPath(t, b.v4, "address 192.0.2.1 is not on interface a")
	da.waitState(t, b.v4, "down")
	db.waitState(t, a.v4, "down")
	for _, peer := range []netip.Addr{b.v6, b.ll} {
		if s := da.session(t, peer); s.State != "up" || s.Counters.Down != 0 {
			t.Errorf("the session with %s suffered: %+v", peer, s)
		}
	}
	a.AddAddr(t, a.ifname, a.v4.String()+"/24")
	da.waitUp(t)
	db.waitUp(t)
	rows.Covers(t, "5881-2-02", "5880-6.3-06")
}

// TestNeighbourMoves gives the far end another Ethernet address, announced as
// Linux does when it is told to: sessions do not fail.
func TestNeighbourMoves(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	b.Sysctl(t, "net/ipv4/conf/b/arp_notify", "1")
	b.Sysctl(t, "net/ipv6/conf/b/ndisc_notify", "1")
	da, db := startPair(t, a, b)
	b.SetMAC(t, b.ifname, net.HardwareAddr{2, 0, 0, 0, 0, 0x77})
	time.Sleep(2 * mult * 50 * time.Millisecond)
	for _, d := range []*daemon{da, db} {
		for _, s := range d.sessions(t) {
			if s.State != "up" || s.Counters.Down != 0 {
				t.Errorf("session with %s: %+v", s.Peer, s)
			}
		}
	}
	before := db.steered(t)
	eventually(t, patience, "XDP takes packets to the new address", func() bool { return db.steered(t) > before+5 })
	rows.Covers(t, "ENV-L2-02")
}

// TestNeighbourMovesInSilence changes the address and tells nobody: what goes to the old
// one is dropped by the kernel, as it is where sockets serve. The sessions hear each other
// again by themselves, before they fail or after that.
func TestNeighbourMovesInSilence(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	da, db := start(t, a, pair(a, b)), start(t, b, "transport: udp\n"+pair(b, a))
	da.waitUp(t)
	db.waitUp(t)
	b.SetMAC(t, b.ifname, net.HardwareAddr{2, 0, 0, 0, 0, 0x78})
	db.hearsAll(t)
	da.waitUp(t)
	db.waitUp(t)
}

// A wrong Ethernet address that the kernel takes for right costs the sessions, and
// when they have failed it is found out.
func TestNeighbourMistaken(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	for _, h := range []*host{a, b} {
		for _, family := range []string{"ipv4", "ipv6"} {
			h.Sysctl(t, "net/"+family+"/neigh/"+h.ifname+"/base_reachable_time_ms", "3600000")
		}
	}
	da, db := startPair(t, a, b)
	for _, peer := range []netip.Addr{b.v4, b.v6, b.ll} {
		a.ip(t, fmt.Sprintf("neighbour replace %s lladdr 02:00:00:00:00:79 dev %s nud reachable", peer, a.ifname))
		eventually(t, patience, "the session fails", func() bool { return da.session(t, peer).Counters.Down > 0 })
	}
	da.waitUp(t)
	db.waitUp(t)
}

// TestManyQueues spreads sessions over two workers and an interface with four
// queues: a packet finds its session on whatever queue it arrives.
func TestManyQueues(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		const count = 16
		a, b := newLink(t, netns.VethOptions{Queues: 4})
		s := speech{interval: 100 * time.Millisecond, mult: mult}
		config := fmt.Sprintf("workers: {count: 2}\nprofiles: {p: {transmit-interval: 100ms, receive-interval: 100ms, detect-multiplier: %d}}\npeers:\n", mult)
		for _, p := range crowd(t, a, b, count) {
			s.sessions = append(s.sessions, p)
			config += fmt.Sprintf("  - {peer: %s, local-address: %s, profile: p}\n", p.local, p.peer)
		}
		peer := startPeer(t, b, s)
		d := start(t, a, config)
		d.waitUp(t)
		waitPeerUp(t, peer, count)
		time.Sleep(mult*s.interval + s.interval)
		status := d.status(t)
		for _, w := range status.Workers {
			if w.Sessions != count/2 {
				t.Errorf("worker %d runs %d sessions", w.ID, w.Sessions)
			}
		}
		if i := status.Interfaces[0]; i.Transport != "xdp-native" || i.Counters["pass_no_socket"] != 0 {
			t.Errorf("interface %+v", i)
		}
		for _, s := range d.sessions(t) {
			if s.State != "up" || s.Counters.Down != 0 || len(s.Counters.RxDiscarded) != 0 {
				t.Errorf("session with %s: %+v", s.Peer, s)
			}
		}
		rows.Covers(t, "ENV-RQ-01")
	})
}
