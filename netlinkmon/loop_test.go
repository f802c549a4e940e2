package netlinkmon

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// do runs fn on the monitor's goroutine and waits for it; false when it ended.
func (m *Monitor) do(fn func()) bool {
	done := make(chan struct{})
	m.command(func() {
		fn()
		close(done)
	})
	select {
	case <-done:
		return true
	case <-m.done:
		return false
	}
}

// A slow reader gets few updates, and the latest.
func TestUpdatesCoalesce(t *testing.T) {
	a, _ := pair(t)
	m := follow(t, a)
	const n = 100
	for id := range uint32(n) {
		m.Watch(id, Target{Peer: ip(fmt.Sprintf("192.0.2.%d", id+10)), Interface: "x"})
	}
	for id := range uint32(n) {
		m.ready(id)
	}
	for range 20 {
		a.SetDown(t, "x")
		a.SetUp(t, "x")
	}
	a.SetDown(t, "x")
	last := net.HardwareAddr{2, 0, 0, 0, 5, 5}
	a.SetMAC(t, "x", last)
	// Once the monitor has the last event, each session has one update waiting.
	testnet.Eventually(t, patience, "last event", func() bool {
		queued := 0
		m.do(func() {
			for _, target := range m.loop.targets {
				if target.path.LocalMAC == [6]byte(last) {
					queued++
				}
			}
		})
		return queued == n
	})
	m.got = nil
	for id := range uint32(n) {
		m.await(id, "last path", func(p Path) bool { return !p.Ready && p.LocalMAC == [6]byte(last) })
	}
	m.quiet(50 * time.Millisecond)
	if len(m.got) != n {
		t.Errorf("%d updates for %d sessions", len(m.got), n)
	}
}

func TestUnwatchEndsUpdates(t *testing.T) {
	a, _ := pair(t)
	m := follow(t, a)
	for range 100 {
		m.Watch(1, four1)
		m.Unwatch(1)
	}
	m.quiet(50 * time.Millisecond)
	// Watching under the same id again is a fresh start, with another target.
	m.Watch(1, Target{Peer: ip("192.0.2.2"), Interface: "nope"})
	m.reason(1, "interface nope does not exist")
	m.Watch(1, four1)
	m.ready(1)
	m.Unwatch(1)
	m.do(func() {
		l := m.loop
		if len(l.targets)+l.deps.by.Len()+l.news.Len() != 0 {
			t.Errorf("left over: %d targets, %d subjects, %d news", len(l.targets), l.deps.by.Len(), l.news.Len())
		}
	})
	testnet.Eventually(t, patience, "no neighbour left", func() bool {
		left := 1
		m.do(func() { left = len(m.loop.state.neighs) })
		return left == 0
	})
}

// An interface that went must be told of, even where another has its name and
// its index before anybody listens.
func TestSameIndexAgain(t *testing.T) {
	loop := &loop{state: have(addLink(2, "tun0", p2p), addAddr(2, "10.0.0.1/30")), deps: newDependencies(),
		targets: make(map[uint32]*target), touched: make(map[subject]struct{}), updates: make(chan Update)}
	told := func() (paths []Path) {
		loop.hold = nil
		loop.resolve()
		for t, u, out := loop.next(); out != nil; t, u, out = loop.next() {
			t.told(u.Path)
			paths = append(paths, *u.Path)
		}
		return paths
	}
	loop.watch(1, Target{Peer: ip("10.0.0.2"), Interface: "tun0"})
	if p := told(); len(p) != 1 || !p[0].Ready || p[0].Ifindex != 2 {
		t.Fatalf("have %+v", p)
	}
	loop.take(batch{events: []event{
		linkEvent{index: 2, gone: true, link: link{name: "tun0"}},
		addLink(2, "tun0", p2p), addAddr(2, "10.0.0.1/30"),
	}})
	p := told()
	if len(p) != 2 || p[0].Ready || p[0].Ifindex != 0 || p[0].Reason != "interface tun0 is gone" || !p[1].Ready || p[1].Ifindex != 2 {
		t.Errorf("have %+v", p)
	}
	if p := told(); len(p) != 0 {
		t.Errorf("told again: %+v", p)
	}
}

// When the kernel had to drop events, the monitor finds the truth by itself,
// and does not fall for older events that were still queued.
func TestLostEvents(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	m.Watch(1, four1)
	m.Watch(2, Target{Peer: ip("192.0.2.2")})
	m.Watch(3, Target{Peer: ip("10.77.0.1")})
	m.known(1, b.MAC(t, "y"))
	m.known(2, b.MAC(t, "y"))
	m.reason(3, "no interface is directly connected to 10.77.0.1")
	testnet.Eventually(t, patience, "leave to read afresh at once", func() bool {
		var idle bool
		m.do(func() { idle = m.loop.retry == nil })
		return idle
	})

	// While the monitor stands still its small buffer runs over.
	stalled, stall := make(chan struct{}), make(chan struct{})
	go m.command(func() {
		_ = m.loop.feed.socket.SetReceiveBufferSize(4096, true)
		close(stalled)
		<-stall
	})
	<-stalled
	older, other := net.HardwareAddr{2, 0, 0, 0, 3, 2}, net.HardwareAddr{2, 0, 0, 0, 3, 3}
	for i := range 300 {
		a.AddAddr(t, "x", fmt.Sprintf("10.%d.%d.1/32", i/250, i%250))
		older[0] = byte(i) << 1
		a.Neigh(t, "x", "192.0.2.2", older)
	}
	a.AddAddr(t, "x", "10.77.0.2/24")
	a.Neigh(t, "x", "192.0.2.2", other)
	close(stall)
	m.known(1, other)
	m.known(2, other)
	if p := m.ready(3); p.Local != ip("10.77.0.2") {
		t.Errorf("have %+v", p)
	}
	m.do(func() {
		if m.loop.retry == nil {
			t.Error("no events were lost: the test shows nothing")
		}
	})
	m.quiet(100 * time.Millisecond)
	// And it goes on following.
	a.Neigh(t, "x", "192.0.2.2", b.MAC(t, "y"))
	m.known(1, b.MAC(t, "y"))
}

// A storm of events must not keep the loop from its other work.
func TestStormOfAddresses(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	targets, prefixes, neighs := manyPeers(1000, b.MAC(t, "y"))
	if err := a.AddNeigh("x", neighs...); err != nil { // resolved, they would leave the kernel none for others
		t.Fatal(err)
	}
	for id, target := range targets {
		m.Watch(uint32(id), target)
	}
	start := time.Now()
	if err := a.NS.AddAddr("x", prefixes...); err != nil {
		t.Fatal(err)
	}
	for id := range targets {
		m.ready(uint32(id))
	}
	if err := a.NS.DelAddr("x", prefixes...); err != nil {
		t.Fatal(err)
	}
	for id := range targets {
		m.await(uint32(id), "lost address", func(p Path) bool { return !p.Ready })
	}
	d := time.Since(start)
	t.Logf("1000 addresses came and went under 1000 targets in %v", d)
	if d > patience {
		t.Errorf("took %v", d)
	}
}

func BenchmarkNeighbourEvent(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := &loop{state: have(addLink(2, "eth0", up), addAddr(2, "10.0.0.1/8")), deps: newDependencies(),
				neighs: newNeighbours(nil, nil), targets: make(map[uint32]*target), touched: make(map[subject]struct{})}
			for id := range uint32(n) {
				peer := fmt.Sprintf("10.1.%d.%d", id/250, id%250+1)
				l.state.neighs[neighKey{2, ip(peer)}] = neigh{}
				l.watch(id, Target{Peer: ip(peer), Interface: "eth0"})
			}
			for len(l.dirty) > 0 {
				l.hold = nil
				l.resolve()
			}
			for t, u, out := l.next(); t != nil; t, u, out = l.next() {
				_ = out
				t.told(u.Path)
			}
			events := [2]batch{
				{events: []event{addNeigh(2, "10.1.0.1", 0x82, 1)}},
				{events: []event{addNeigh(2, "10.1.0.1", 0x82, 2)}},
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.take(events[i&1])
				l.hold = nil
				l.resolve()
				if l.news.Len() != 1 { // of the one target; nobody reads them
					b.Fatalf("%d targets were resolved anew", l.news.Len())
				}
			}
		})
	}
}
