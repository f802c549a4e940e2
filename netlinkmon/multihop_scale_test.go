package netlinkmon

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A router's thousand routes are not a thousand look-ups: those that hold no
// peer are none, and those that do are few.
func TestMultihopStormOfRoutes(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	n.replace("0.0.0.0/0", "x1", "192.0.2.2")
	asked := 0
	m.do(func() {
		ask := m.loop.asks.route
		m.loop.asks.route = func(q query) answer { asked++; return ask(q) }
	})
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	count := func() (was int) {
		m.do(func() { was, asked = asked, 0 })
		return was
	}
	count()
	start := time.Now()
	const storm = 1000
	r := n.way("100.64.0.0/32", "x1", "192.0.2.2")
	for i := range storm {
		copy(r.Dst.IP, []byte{100, 64, byte(i >> 8), byte(i)})
		n.must(n.routes.RouteAdd(r))
	}
	m.quiet(20 * time.Millisecond)
	elsewhere, took := count(), time.Since(start)
	start = time.Now()
	for i := range storm {
		hop := fmt.Sprintf("192.0.2.%d", 100+i%2)
		n.replace("10.0.0.0/24", "x1", hop)
	}
	n.replace("10.0.0.0/24", "x2", "198.51.100.2")
	m.by(1, "x2", "198.51.100.2")
	between := count()
	t.Logf("%d routes elsewhere in %v: %d look-ups; %d changes of the peer's in %v: %d look-ups",
		storm, took, elsewhere, storm, time.Since(start), between)
	// One is due every refreshInterval in any case, and one for a neighbour.
	if elsewhere > 5 {
		t.Errorf("%d look-ups for routes that hold no peer", elsewhere)
	}
	if most := int(time.Since(start)/resolveInterval) + 5; between > min(most, storm/4) {
		t.Errorf("%d look-ups for %d changes", between, storm)
	}
}

// With a thousand sessions a move of the route they share is told within a
// second.
func TestMultihopThousand(t *testing.T) {
	n := newMesh(t)
	m := n.follow()
	n.replace("10.1.0.0/16", "x1", "192.0.2.2")
	const count = 1000
	for id := range uint32(count) {
		target := far4
		target.Peer = ip(fmt.Sprintf("10.1.%d.%d", id/250, id%250+1))
		m.Watch(id, target)
	}
	for id := range uint32(count) {
		m.by(id, "x1", "192.0.2.2")
	}
	var took []time.Duration
	for _, to := range [][2]string{{"x2", "198.51.100.2"}, {"x1", "192.0.2.2"}, {"x2", "198.51.100.2"}} {
		start := time.Now()
		n.replace("10.1.0.0/16", to[0], to[1])
		for id := range uint32(count) {
			m.by(id, to[0], to[1])
		}
		took = append(took, time.Since(start))
	}
	t.Logf("%d paths moved in %v", count, took)
	if d := slices.Min(took); d > time.Second { // the machine may be busy in some
		t.Errorf("took %v at best", d)
	}
}
