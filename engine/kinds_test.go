package engine

import (
	"errors"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// far is p50 over hops.
func far() session.Params {
	p := p50
	p.Kind = session.Multihop
	return p
}

// heard adds an interface, delivers a datagram there and reports whether the
// session took it.
func (r *rig) heard(ifindex int32, discr uint32, rx Rx) bool {
	r.t.Helper()
	before := r.status(discr).Counters.Rx
	p := &port{in: []Rx{rx}}
	r.e.AttachPort(0, ifindex, p)
	r.step()
	r.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
	r.step()
	return r.status(discr).Counters.Rx == before+1
}

// Each hop type has its port, and feeds no session of the other.
func TestHopTypesDoNotMix(t *testing.T) {
	r := newRig(t, 1)
	near, over := r.add(p50, 1), r.add(far(), 1)
	r.run(sec)
	for _, c := range []struct {
		name string
		port uint16
		your uint32
		want uint32 // the session that takes it
	}{
		{"single hop, first", packet.PortControl, 0, near},
		{"multihop, first", packet.PortMultihop, 0, over},
		{"single hop", packet.PortControl, near, near},
		{"multihop", packet.PortMultihop, over, over},
		{"multihop's to the single-hop port", packet.PortControl, over, 0},
		{"single hop's to the multihop port", packet.PortMultihop, near, 0},
	} {
		rx := r.rx(1, control(1, packet.Down, c.your))
		rx.DstPort = c.port
		counts := map[uint32]uint64{near: r.status(near).Counters.Rx, over: r.status(over).Counters.Rx}
		unknown := r.drops()[packet.DropUnknownYourDiscr]
		r.hear(0, rx)
		for d, n := range counts {
			if got := r.status(d).Counters.Rx - n; (got == 1) != (d == c.want) {
				t.Errorf("%s: session %#x took %d", c.name, d, got)
			}
		}
		if got := r.drops()[packet.DropUnknownYourDiscr] - unknown; (got == 1) != (c.want == 0) {
			t.Errorf("%s: %d of unknown sessions", c.name, got)
		}
	}
	for _, s := range r.ports[0].sent(t) {
		want := uint16(packet.PortControl)
		if s.MyDiscr == over {
			want = packet.PortMultihop
		}
		if s.DstPort != want || s.TTL != 255 || s.SrcPort < 49152 || s.SrcPort != r.status(s.MyDiscr).SourcePort {
			t.Fatalf("session %#x sends %+v", s.MyDiscr, s.Datagram)
		}
	}
	rows.Covers(t, "5883-5-01", "5880-6.3-06")
}

// Over hops a session is its two addresses, wherever its packets arrive.
func TestMultihopByAddresses(t *testing.T) {
	r := newRig(t, 1)
	one, two := r.add(far(), 1), r.add(far(), 2)
	other := pathTo(1)
	other.Local = addr("192.0.2.99")
	if err := r.e.SetPath(two, other); err != nil {
		t.Fatal(err)
	}
	third, err := r.e.Add(Spec{Params: far()})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := pathTo(1)
	elsewhere.Ifindex = 7
	if err := r.e.SetPath(third, elsewhere); !errors.Is(err, ErrDuplicate) {
		t.Errorf("a second session for the same addresses, by another interface: %v", err)
	}
	r.run(sec)
	first := func(local packet.Addr) Rx {
		rx := r.rx(1, control(1, packet.Down, 0))
		rx.DstPort, rx.Dst, rx.TTL = packet.PortMultihop, local, 254
		return rx
	}
	for _, ifindex := range []int32{9, anyInterface} {
		if !r.heard(ifindex, two, first(other.Local)) || r.heard(ifindex, one, first(other.Local)) {
			t.Errorf("interface %d: a packet to %v", ifindex, other.Local.Netip())
		}
		if !r.heard(ifindex, one, first(pathTo(1).Local)) {
			t.Errorf("interface %d: a packet to %v", ifindex, pathTo(1).Local.Netip())
		}
	}
	rows.Covers(t, "5883-4.1-01", "5883-4.1-02")
}

// The least TTL is the operator's, 254 unless told otherwise; an interface is
// none of a multihop session's checks.
func TestMultihopFloor(t *testing.T) {
	for _, floor := range []uint8{0, 1, 64, 254, 255} {
		r := newRig(t, 1)
		d, err := r.e.Add(Spec{Params: far(), MinTTL: floor, Strict: true})
		if err == nil {
			err = r.e.SetPath(d, pathTo(1))
		}
		if err != nil {
			t.Fatal(err)
		}
		r.run(sec)
		least := floor
		if floor == 0 {
			least = 254
		}
		for ttl := range 256 {
			rx := r.rx(1, control(1, packet.Down, d))
			rx.DstPort, rx.TTL = packet.PortMultihop, uint8(ttl)
			before := r.status(d)
			r.hear(0, rx)
			after := r.status(d)
			if took := after.Counters.Rx > before.Counters.Rx; took != (ttl >= int(least)) {
				t.Fatalf("floor %d: TTL %d taken %v", floor, ttl, took)
			} else if !took && after.Discards[packet.DropTTL] != before.Discards[packet.DropTTL]+1 {
				t.Fatalf("floor %d: TTL %d is not counted", floor, ttl)
			}
		}
		rx := r.rx(1, control(1, packet.Down, d))
		rx.DstPort = packet.PortMultihop
		if !r.heard(5, d, rx) {
			t.Error("from another interface: not taken")
		}
		if err := r.e.SetChecks(d, 10, false); err != nil {
			t.Fatal(err)
		}
		rx.TTL = 10
		if r.hear(0, rx); r.status(d).MinTTL != 10 || r.status(d).Discards[packet.DropTTL] != uint64(least) {
			t.Errorf("floor changed to 10: %d, %d discarded", r.status(d).MinTTL, r.status(d).Discards[packet.DropTTL])
		}
	}
	rows.Covers(t, "5883-TTL-01", "5082-A-01", "5883-IF-01")
}

// A multihop session's packets leave by another interface and to another MAC as
// soon as its path says so.
func TestMultihopMoves(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(far(), 1)
	second := new(port)
	r.e.AttachPort(0, 2, second)
	r.run(sec)
	say := func(state packet.State) {
		rx := r.rx(1, control(1, state, d))
		rx.DstPort = packet.PortMultihop
		r.hear(0, rx)
	}
	say(packet.Down)
	say(packet.Up)
	path := pathTo(1)
	path.Ifindex, path.PeerMAC = 2, packet.MAC{2, 0, 0, 0, 5, 5}
	if err := r.e.SetPath(d, path); err != nil {
		t.Fatal(err)
	}
	r.step()
	r.ports[0].out = nil
	for range 10 {
		r.run(40 * ms)
		say(packet.Up)
	}
	out := second.sent(t)
	if len(r.ports[0].out) != 0 || len(out) < 7 || out[0].DstMAC != path.PeerMAC || out[0].Src != path.Local {
		t.Errorf("%d by the old interface, %d by the new one", len(r.ports[0].out), len(out))
	}
	if st := r.status(d); st.State != packet.Up || st.Counters.Down != 0 {
		t.Errorf("%v, %d times down", st.State, st.Counters.Down)
	}
	rows.Covers(t, "5883-IF-01")
}

// Echo is for one hop. Demand and Echo exclude each other.
func TestKindsThatCannotBe(t *testing.T) {
	for name, edit := range map[string]func(p *session.Params){
		"echo over hops":      func(p *session.Params) { p.Kind, p.EchoTx = session.Multihop, 20_000 },
		"echo by echo":        func(p *session.Params) { p.Kind, p.EchoTx = session.Unaffiliated, 20_000 },
		"demand and echo":     func(p *session.Params) { p.Demand, p.EchoTx = true, 20_000 },
		"unaffiliated demand": func(p *session.Params) { p.Kind, p.Demand = session.Unaffiliated, true },
		"no interval":         func(p *session.Params) { p.DesiredMinTx = 0 },
		"no multiplier":       func(p *session.Params) { p.DetectMult = 0 },
		"no such kind":        func(p *session.Params) { p.Kind = 3 },
	} {
		e, err := New(Config{Workers: 2, Capacity: 1000})
		if err != nil {
			t.Fatal(err)
		}
		p := p50
		edit(&p)
		if d, err := e.Add(Spec{Params: p}); err == nil || d != 0 {
			t.Errorf("%s: added as %#x", name, d)
		}
		good := p50
		if p.Kind <= session.Unaffiliated {
			good.Kind = p.Kind
		}
		d, err := e.Add(Spec{Params: good})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Configure(d, p); err == nil && name != "no such kind" {
			t.Errorf("%s: configured", name)
		}
	}
	r := newRig(t, 1)
	d := r.add(far(), 1)
	p := far()
	p.EchoRx = 30_000
	if err := r.e.Configure(d, p); err != nil {
		t.Fatal(err)
	}
	r.run(sec)
	bed := &loopBed{rig: r, discr: d, path: pathTo(1)}
	for _, st := range []packet.State{packet.Down, packet.Up, packet.Up} {
		c := control(1, st, d)
		c.RequiredMinEchoRx = 20_000
		r.hear(0, bed.framed(c))
	}
	r.run(sec / 10)
	for _, s := range r.ports[0].sent(t) {
		if s.DstPort != packet.PortMultihop || s.RequiredMinEchoRx != 0 {
			t.Errorf("sent %+v", s)
		}
	}
	rows.Covers(t, "5883-3-01")
}
