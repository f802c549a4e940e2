package clients_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/sim"
	"github.com/xbfd/xbfd/packet"
)

// pair is a Book over a real engine, whose peer is a whole engine, too.
type pair struct {
	*rig
	world *sim.World
	link  *sim.Link
	host  *sim.Host
	path  engine.Path
	own   *sim.Session // nil while nobody wants it
	peer  *sim.Session
	made  int
}

func newPair(t *testing.T) *pair {
	w := sim.NewWorld(1)
	p := &pair{rig: newRig(t), world: w, host: w.NewHost("a", 1), link: w.NewLink("link", sim.Conditions{Delay: 100 * sim.Microsecond})}
	p.host.OnEvent = func(ev *engine.Event) {
		if p.own != nil && ev.Discr == p.own.Discr {
			p.got = append(p.got, p.b.Observe(key, clients.Transitions(ev)...)...)
		}
	}
	a, b := packet.AddrFrom(netip.MustParseAddr("192.0.2.1")), packet.AddrFrom(key.Peer)
	macs := [2]packet.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}
	far := w.NewHost("b", 1)
	p.host.Plug(1, p.link.There, p.link.Back)
	far.Plug(1, p.link.Back, p.link.There)
	p.path = engine.Path{Ifindex: 1, Local: a, Peer: b, LocalMAC: macs[0], PeerMAC: macs[1], MACKnown: true}
	params := wish(50, 3).Params
	params.CPI = true
	p.peer = far.Add(params, engine.Path{Ifindex: 1, Local: b, Peer: a, LocalMAC: macs[1], PeerMAC: macs[0], MACKnown: true})
	return p
}

// obey does to the engine what a change asks for.
func (p *pair) obey(c clients.Change) {
	p.Helper()
	switch c.Do {
	case clients.Create:
		p.own = p.host.Add(c.Spec.Params, p.path)
		p.made++
	case clients.Configure:
		p.own.Configure(c.Spec.Params)
	case clients.Remove:
		p.own.Remove(0)
		p.own = nil
	}
}

// run lets d pass, with Expire at every deadline.
func (p *pair) run(d session.Time) {
	p.Helper()
	end := p.world.Now() + d
	for due := p.b.Deadline(); due <= end; due = p.b.Deadline() {
		p.world.RunUntil(due)
		p.got = append(p.got, p.b.Expire(p.world.Now())...)
		if p.b.Deadline() == due {
			p.Fatal("what was due still is")
		}
	}
	p.world.RunUntil(end)
}

// cameUp checks that an owner was told of a bring-up, by way of Init or not, and
// of nothing else.
func (p *pair) cameUp(owner string) {
	p.Helper()
	kinds := p.take(owner)
	last := len(kinds) - 1
	if last < 0 || kinds[last] != up || slices.ContainsFunc(kinds[:last], func(k clients.Kind) bool { return k != progress }) {
		p.Errorf("%s was told %v, want a bring-up", owner, kinds)
	}
}

// Two clients share the session of two engines that talk to each other.
func TestEnginePair(t *testing.T) {
	p := newPair(t)
	fast := with(wish(50, 4), func(w *clients.Wish) { w.HoldOff, w.Params.CPI = 500*session.Millisecond, true })
	slow := with(wish(200, 3), func(w *clients.Wish) { w.Params.CPI = true })
	p.obey(p.join("file", slow))
	p.obey(p.join("bgp", fast))
	p.run(5000 * ms)
	p.cameUp("file")
	p.cameUp("bgp")
	timers := func(tx uint32, detection session.Time) {
		t.Helper()
		st := p.own.Status()
		if st.State != packet.Up || st.TxInterval != tx || session.Time(st.DetectionTime) != detection || st.Polling {
			t.Errorf("%v, every %d µs, detection %d ns, polling %v; want up, %d, %d", st.State, st.TxInterval, st.DetectionTime, st.Polling, tx, detection)
		}
	}
	timers(50_000, 150*ms) // our packets by the strictest wish; silence by the peer's multiplier
	if p.made != 1 {
		t.Errorf("%d sessions for one path", p.made)
	}
	rows.Covers(t, "5882-2-01", "5882-4.4-01", "5882-3.3-01")

	// The fast one leaves and comes back: the timers change by Polls alone.
	p.obey(p.b.Unregister(key, "bgp"))
	p.run(2000 * ms)
	timers(200_000, 600*ms)
	p.obey(p.join("bgp", fast))
	p.run(2000 * ms)
	timers(50_000, 150*ms)
	p.heardBy("file")
	p.heardBy("bgp")
	rows.Covers(t, "5882-2-03")

	// A cut of 300 ms is seen by one and hidden from the other.
	p.link.Dark(true)
	p.run(300 * ms)
	p.link.Dark(false)
	p.run(50 * ms)
	aborts := len(p.got) > 0 && p.got[0].AbortsRestart()
	p.heardBy("file", failure)
	if !aborts {
		t.Error("with the C bit at both ends, the failure does not end a graceful restart")
	}
	p.peer.Configure(with(wish(50, 3), func(w *clients.Wish) { w.Params.AdminDown = true }).Params)
	p.run(ms)
	p.take("file")
	p.run(1000 * ms)
	p.heardBy("bgp", failure, admin) // that of the peer, while we are Down
	rows.Covers(t, "5882-2-02", "5882-3.1-02", "5882-4.3-01")

	// The peer's AdminDown is no failure.
	p.peer.Configure(wish(50, 3).Params)
	p.run(5000 * ms)
	p.cameUp("bgp")
	p.take("file")
	p.peer.Configure(with(wish(50, 3), func(w *clients.Wish) { w.Params.AdminDown = true }).Params)
	p.run(1000 * ms)
	p.heardBy("bgp", admin)
	p.heardBy("file", admin)
	p.sees("bgp", clients.View{State: packet.Down, Admin: true, AdjacencyAllowed: true})
	rows.Covers(t, "5882-3.2-01", "5882-4.1-01", "5882-4.2-01")

	p.obey(p.b.Unregister(key, "file"))
	p.obey(p.b.Unregister(key, "bgp"))
	if p.own != nil {
		t.Error("the session outlives its clients")
	}
}
