package engine

import (
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A strict session takes packets from its own interface only.
func TestStrict(t *testing.T) {
	r := newRig(t, 1)
	d, err := r.e.Add(Spec{Params: p50, Strict: true})
	if err == nil {
		err = r.e.SetPath(d, pathTo(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	r.up(d, 1)
	rx := r.rx(1, control(1, packet.Up, d))
	if r.heard(2, d, rx) || r.status(d).Discards[packet.DropWrongInterface] != 1 {
		t.Errorf("taken from another interface: %v", r.status(d).Discards)
	}
	if err := r.e.SetChecks(d, 0, false); err != nil {
		t.Fatal(err)
	}
	if !r.heard(2, d, rx) {
		t.Error("not taken though no longer strict")
	}
	rows.Covers(t, "5880-6.3-03")
}

// On a point-to-point link whoever speaks is the peer; the client is told of the
// address, and packets go on going to the configured one.
func TestPointToPoint(t *testing.T) {
	for _, only := range []bool{true, false} {
		r := newRig(t, 1)
		d := r.add(p50, 1)
		path := pathTo(1)
		path.PointToPoint = only
		if err := r.e.SetPath(d, path); err != nil {
			t.Fatal(err)
		}
		r.run(sec)
		r.take()
		r.ports[0].out = nil
		rx := r.rx(1, control(1, packet.Down, 0))
		rx.Src = addr("172.16.0.9")
		r.hear(0, rx)
		if took := r.status(d).State == packet.Init; took != only {
			t.Errorf("point to point %v: %v", only, r.status(d).State)
		}
		events := r.take()
		if told := len(events) == 1 && events[0].SourceChanged; told != only {
			t.Errorf("point to point %v: events %+v", only, events)
		}
		if !only {
			continue
		}
		if st := r.status(d); st.PeerSource != rx.Src {
			t.Errorf("source %v", st.PeerSource.Netip())
		}
		r.hear(0, rx) // nothing new
		if events := r.take(); len(events) != 0 {
			t.Errorf("told again: %+v", events)
		}
		r.hear(0, r.rx(1, control(1, packet.Up, d)))
		if st := r.status(d); st.PeerSource != (packet.Addr{}) || st.State != packet.Up {
			t.Errorf("the configured address again: %v, source %v", st.State, st.PeerSource.Netip())
		}
		for _, s := range r.ports[0].sent(t) {
			if s.Dst != path.Peer {
				t.Errorf("sent to %v", s.Dst.Netip())
			}
		}
		rx.Dst = addr("192.0.2.200")
		before := r.drops()[packet.DropNoSession]
		if r.hear(0, rx); r.drops()[packet.DropNoSession] != before+1 {
			t.Error("a packet to another address of ours is taken")
		}
	}
	rows.Covers(t, "5881-6-03", "5881-6-06", "5881-6-05")
}
