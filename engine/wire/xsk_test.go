package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// Every transport carries both families in both directions, tells what it is,
// and dates arrivals between the send and the receive, in order.
func TestTransports(t *testing.T) {
	for _, tt := range []struct {
		ask, transport, reason, stamp string
	}{
		{TransportAuto, "xdp-native", "driver veth has no zero copy", "xdp"},
		{TransportXDP, "xdp-native", "driver veth has no zero copy", "xdp"},
		{TransportGeneric, "xdp-generic", "generic", "xdp"},
		{TransportUDP, "udp", "as configured", "socket"},
	} {
		t.Run(tt.ask, func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			for _, e := range []*end{r.a, r.b} { // no resolution while frames wait
				for f := range e.addr {
					e.Neigh(t, e.ifname, e.neighbor.addr[f].String(), e.neighbor.mac[:])
				}
			}
			o := Options{Transport: tt.ask}
			a, b := r.a.open(t, o), r.b.open(t, o)
			transport, reason := a.Transport()
			if transport != tt.transport || !strings.Contains(reason, tt.reason) {
				t.Errorf("transport %q, %q; want %q, with %q", transport, reason, tt.transport, tt.reason)
			}
			if status := a.UDPStatus(); status != "" {
				t.Errorf("UDP status %q", status)
			}
			for family, name := range []string{"IPv4", "IPv6"} {
				carry(t, name+" a to b", r.a, a.Port(0), b.Port(0), family, tt.ask != TransportUDP)
				carry(t, name+" b to a", r.b, b.Port(0), a.Port(0), family, tt.ask != TransportUDP)
			}
			if stamp := a.Stamp(); stamp != tt.stamp {
				t.Errorf("stamp %q, want %q", stamp, tt.stamp)
			}
			for _, i := range []*Interface{a, b} {
				clean(t, i)
			}
		})
	}
}

// carry sends 500 frames from one end to the other and checks all there is to
// know of them.
func carry(t *testing.T, name string, from *end, tx, rx engine.Port, family int, l2 bool) {
	t.Helper()
	const n = 500
	tmpl := from.template(family)
	before := Now()
	var list []got
	for sent := 0; sent < n; sent += 50 {
		if failed := send(tx, tmpl, l2, 1+sent, 50); failed != 0 {
			t.Fatalf("%s: %d frames failed", name, failed)
		}
		list = append(list, receive(t, rx, 50)...)
	}
	after := Now()
	if len(list) != n {
		t.Fatalf("%s: received %d of %d, the last number %d", name, len(list), n, list[len(list)-1].number)
	}
	want := packet.Datagram{
		Src: packet.AddrFrom(from.addr[family]), Dst: packet.AddrFrom(from.neighbor.addr[family]),
		SrcPort: 49152, DstPort: packet.PortControl, TTL: 255,
	}
	if l2 {
		want.SrcMAC, want.DstMAC = from.mac, from.neighbor.mac
	}
	at := before
	for i, g := range list {
		if g.number != i+1 {
			t.Fatalf("%s: datagram %d has number %d", name, i+1, g.number)
		}
		if g.at < at || g.at > after {
			t.Fatalf("%s: datagram %d arrived at %d, the one before at %d, read before %d", name, i+1, g.at, at, after)
		}
		at = g.at
		g.Payload = nil
		if diff := cmp.Diff(want, g.Datagram); diff != "" {
			t.Fatalf("%s: datagram %d (-want +got):\n%s", name, i+1, diff)
		}
	}
}

// clean fails the test when a counter tells of a fault.
func clean(t testing.TB, i *Interface) {
	t.Helper()
	for name, n := range i.Counters() {
		if n != 0 && name != "steered" && !strings.HasPrefix(name, "pass_") {
			t.Errorf("counter %s is %d", name, n)
		}
	}
}

// Several queues: each is its own worker's, none is deaf, and each sends.
func TestQueues(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{Queues: 4})
	a := r.a.open(t, Options{Workers: 4})
	b := r.b.open(t, Options{Workers: 2})
	if len(a.queues) != 4 || len(b.queues) != 4 {
		t.Fatalf("%d and %d queues open, want 4", len(a.queues), len(b.queues))
	}
	tmpl := r.a.template(v4)
	for q := range 4 {
		// A frame sent from queue q of one veth end arrives at queue q of the other.
		if failed := send(a.Port(q), tmpl, true, 100*q, 50); failed != 0 {
			t.Fatalf("queue %d: %d frames failed", q, failed)
		}
		if list := receive(t, b.Port(q%2), 50); len(list) != 50 || list[0].number != 100*q {
			t.Errorf("queue %d: worker %d received %d frames of 50", q, q%2, len(list))
		}
		if list := b.Port(1 - q%2).Receive(make([]engine.Rx, 64)); list != 0 {
			t.Errorf("queue %d: the other worker received %d frames", q, list)
		}
	}
	clean(t, a)
	clean(t, b)
}

// A worker with several queues gets their frames in the order of arrival, so
// that a full batch leaves nothing older behind.
func TestQueuesInOrder(t *testing.T) {
	r := newRig(t, netns.VethOptions{Queues: 3})
	a, b := r.a.open(t, Options{Workers: 3}), r.b.open(t, Options{})
	tmpl := r.a.template(v4)
	const rounds = 100
	for n := range rounds {
		for q := range 3 {
			if send(a.Port(q), tmpl, true, 1+3*n+q, 1) != 0 {
				t.Fatal("send failed")
			}
		}
	}
	list := receive(t, b.Port(0), 3*rounds)
	for i, g := range list {
		if g.number != i+1 {
			t.Fatalf("datagram %d has number %d", i+1, g.number)
		}
	}
	if len(list) != 3*rounds {
		t.Errorf("received %d of %d", len(list), 3*rounds)
	}
}

// A flood of frames with a wrong TTL, as from far away, never comes near the
// rings: XDP drops and counts it, and the next good frame arrives.
func TestDangerousFramesStayOut(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	o := Options{RxFrames: 512}
	a, b := r.a.open(t, o), r.b.open(t, o)
	const n = 20000
	for family := range 2 {
		tmpl := r.a.template(family)
		ttl := []int{tmpl.L3() + 8, tmpl.L3() + 7}[family]
		p := a.Port(0)
		for i := range n {
			buf := p.Alloc(true)
			size := tmpl.Put(buf, 0)
			buf[ttl] = 64
			p.Commit(size, tmpl.L3())
			if i%32 == 31 {
				p.Flush()
			}
		}
		if failed := send(p, tmpl, true, 7, 1); failed != 0 {
			t.Fatal("send failed")
		}
		if list := receive(t, b.Port(0), 1); len(list) != 1 || list[0].number != 7 {
			t.Errorf("family %d: received %d frames, want the good one", family, len(list))
		}
	}
	c := b.Counters()
	sent := 2*n - a.Counters()["xsk_tx_refused"]
	if c["ttl"] != sent || c["steered"] != 2 || c["xsk_rx_dropped"]+c["xsk_rx_fill_empty"] != 0 {
		t.Errorf("%d frames dropped for their TTL of %d, %d steered", c["ttl"], sent, c["steered"])
	}
	rows.Covers(t, "5082-3-04")
}

// What the kernel sends over veth leaves its UDP checksum to a device that
// never comes; such frames are good.
func TestChecksumLeftToDevice(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	a := r.a.open(t, Options{})
	payload := make([]byte, packet.ControlLen)
	to := [2]unix.Sockaddr{
		&unix.SockaddrInet4{Port: packet.PortControl, Addr: r.a.addr[v4].As4()},
		&unix.SockaddrInet6{Port: packet.PortControl, Addr: r.a.addr[v6].As16()},
	}
	for family, af := range []int{unix.AF_INET, unix.AF_INET6} {
		fd := r.b.udpSocket(t, af)
		must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 255))
		if family == v6 {
			must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255))
		}
		must(t, unix.Sendto(fd, payload, 0, to[family]))
		list := receive(t, a.Port(0), 1)
		if len(list) != 1 || list[0].Drop != packet.DropNone || list[0].SrcMAC != r.b.mac {
			t.Errorf("family %d: received %+v", family, list)
		}
	}
}

// Nobody reads, and nobody takes: every frame stays accounted for while the
// rings fill up, overflow and drain again.
func TestConservation(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	o := Options{RxFrames: 512, TxFrames: 64}
	a, b := r.a.open(t, o), r.b.open(t, o)
	tmpl := r.a.template(v4)
	conserved(t, "idle", a, b)

	if failed := send(a.Port(0), tmpl, true, 1, 512+300); failed != 0 {
		t.Fatalf("%d frames failed", failed)
	}
	conserved(t, "receiver overrun", a, b)
	if empty := b.Counters()["xsk_rx_fill_empty"]; empty == 0 {
		t.Error("the receiver was not overrun")
	}
	if list := receive(t, b.Port(0), 512); len(list) != 512 || list[511].number != 512 {
		t.Errorf("received %d of the 512 that there was room for", len(list))
	}
	conserved(t, "drained", a, b)

	p := a.Port(0)
	for range 2*64 + 1 { // committed, never flushed: Alloc must make room itself
		buf := p.Alloc(true)
		if buf == nil {
			t.Fatal("no room though the link is up")
		}
		p.Commit(tmpl.Put(buf, 0), tmpl.L3())
	}
	conserved(t, "sender full", a, b)
	p.Alloc(true)
	conserved(t, "frame being written", a, b)
	p.Flush()
	if list := receive(t, b.Port(0), 2*64+1); len(list) != 2*64+1 {
		t.Errorf("received %d of %d", len(list), 2*64+1)
	}

	r.a.SetDown(t, "va")
	for range 3 {
		send(p, tmpl, true, 1, 64)
		conserved(t, "link down", a, b)
	}
	r.a.SetUp(t, "va")
	if failed := send(p, tmpl, true, 1, 64); failed != 0 {
		t.Errorf("link up again: %d of 64 frames failed", failed)
	}
	conserved(t, "link up again", a, b)
	if n := a.umemFree(); n != 64 {
		t.Errorf("link up again: %d of 64 transmit frames are free", n)
	}
	rows.Covers(t, "ENV-MEM-01")
}

func (i *Interface) umemFree() int { return len(i.queues[0].umem.spare) }

// conserved counts every frame where the worker knows it to be, and again where
// the rings say that it is. A frame that was sent may take a moment to be
// completed: the other end's softirq has to be done with it.
func conserved(t *testing.T, when string, list ...*Interface) {
	t.Helper()
	for _, i := range list {
		for _, q := range i.queues {
			var n [numOwners]int
			testnet.Eventually(t, 5*time.Second, when+": the rings hold what the kernel has", func() bool {
				q.reap()
				n = q.umem.census()
				rx, tx := int(q.fill.unread()+q.rx.refresh()), int(q.tx.unread()-q.stale)
				if rx > n[kernelRx] || tx > n[kernelTx] {
					t.Fatalf("%s, %s: the rings hold %d and %d frames, the kernel has %v", when, i.name, rx, tx, n)
				}
				return rx == n[kernelRx] && tx == n[kernelTx]
			})
			if total := n[free] + n[kernelRx] + n[kernelTx] + n[lent]; total != len(q.umem.owners) {
				t.Errorf("%s, %s: %v of %d frames", when, i.name, n, len(q.umem.owners))
			}
			if n[free] != len(q.umem.spare) {
				t.Errorf("%s, %s: %d frames are free, %d can be had", when, i.name, n[free], len(q.umem.spare))
			}
		}
	}
}
