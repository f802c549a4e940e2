package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// swap has worker 0 use p for the rig's interface.
func (r *rig) swap(p *port) {
	r.t.Helper()
	done := make(chan error)
	go func() { done <- r.e.SwapPort(r.t.Context(), 0, ifindex, p) }()
	for {
		r.step()
		select {
		case err := <-done:
			if err != nil {
				r.t.Fatal(err)
			}
			return
		default:
		}
	}
}

// What waits in a port is received before another takes its place; that one then
// carries the session, which keeps state and schedule, and the old one is left alone.
func TestSwapPort(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.up(d, 1)
	old, next := r.ports[0], new(port)
	before := r.status(d).Counters
	for range 1000 {
		old.in = append(old.in, r.rx(1, control(1, packet.Up, d)))
	}
	old.lost, next.lost = 7, 100
	r.swap(next)
	old.in = append(old.in, r.rx(1, control(1, packet.Down, 0)))
	old.out = nil
	r.ports[0] = next
	for range 20 {
		r.run(40 * ms)
		r.hear(0, r.rx(1, control(1, packet.Up, d)))
	}
	st := r.status(d)
	if got := st.Counters.Rx - before.Rx; st.State != packet.Up || st.Counters.Down != 0 || got != 1020 {
		t.Errorf("%v with %d of 1020 packets, counters %+v", st.State, got, st.Counters)
	}
	if len(old.in) != 1 || len(old.out) != 0 {
		t.Errorf("the old port was touched: %d frames left, %d sent", len(old.in), len(old.out))
	}
	if n := len(next.sent(t)); n < 15 || n > 22 {
		t.Errorf("%d packets in 800 ms by the new port", n)
	}
	if lost := r.e.workers[0].lossTotal(r.now); lost != 7 {
		t.Errorf("%d frames counted as lost, want the 7 of the old port", lost)
	}
}

// Where there was no port, one that is swapped in is attached.
func TestSwapPortAttaches(t *testing.T) {
	r := newRig(t, 1)
	r.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
	d := r.add(p50, 1)
	r.run(sec)
	next := new(port)
	r.swap(next)
	r.run(2 * sec)
	if len(next.out) == 0 {
		t.Errorf("nothing was sent by the new port for session %d", d)
	}
}

// Echo is offered where frames travel whole, and not while they do not.
func TestSwapPortTakesEchoBack(t *testing.T) {
	r := newRig(t, 1)
	p := p50
	p.EchoRx = 50_000
	d := r.add(p, 1)
	r.up(d, 1)
	offers := func(p *port) (list []uint32) {
		for _, s := range p.sent(t) {
			list = append(list, s.RequiredMinEchoRx)
		}
		return list
	}
	hear := func() {
		for range 10 {
			rx := r.rx(1, control(1, packet.Up, d))
			rx.Frame = make([]byte, 66)
			r.hear(0, rx)
			r.now += 40 * ms
		}
	}
	hear()
	if got := r.status(d).Echo.Offered; got != 50_000 {
		t.Fatalf("offered %d us: this test proves nothing", got)
	}
	sockets := &port{socket: true}
	r.swap(sockets)
	if diff := cmp.Diff([]uint32{0}, offers(sockets)); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	ring := new(port)
	r.swap(ring)
	r.ports[0] = ring
	hear()
	if got := r.status(d).Echo.Offered; got != 50_000 {
		t.Errorf("offered %d us by the next ring", got)
	}
}

// Before a port changes the peer is told at once to send no more Echo, and is not
// told otherwise by that port again.
func TestQuietEcho(t *testing.T) {
	r := newRig(t, 1)
	p := p50
	p.EchoRx = 50_000
	d := r.add(p, 1)
	r.up(d, 1)
	hear := func() {
		rx := r.rx(1, control(1, packet.Up, d))
		rx.Frame = make([]byte, 66)
		r.hear(0, rx)
	}
	quiet := func() (waiting int) {
		r.e.post(0, func(w *Worker, now session.Time) { waiting = w.quietEcho(ifindex, now) })
		r.step()
		return waiting
	}
	r.ports[0].sent(t)
	if n, sent := quiet(), r.ports[0].sent(t); n != 0 || len(sent) != 0 {
		t.Errorf("%d peers are asked to confirm what they never heard of: %+v", n, sent)
	}
	r.swap(r.ports[0])
	for range 10 {
		hear()
		r.now += 40 * ms
	}
	if got := r.status(d).Echo.Offered; got != 50_000 {
		t.Fatalf("offered %d us: this test proves nothing", got)
	}
	for range 10 { // all that the session may send beside its schedule
		p.DetectMult++
		if err := r.e.Configure(d, p); err != nil {
			t.Fatal(err)
		}
		r.step()
	}
	r.ports[0].sent(t)
	for range 2 {
		if n := quiet(); n != 1 {
			t.Errorf("%d peers have to confirm, want 1", n)
		}
	}
	if sent := r.ports[0].sent(t); len(sent) != 1 || sent[0].RequiredMinEchoRx != 0 || !sent[0].Poll {
		t.Errorf("sent %+v, want one Poll that takes the offer back", sent)
	}
	hear()
	if n := quiet(); n != 1 {
		t.Errorf("%d peers have to confirm before the Final, want 1", n)
	}
	final := control(1, packet.Up, d)
	final.Final = true
	r.hear(0, r.rx(1, final))
	if n := quiet(); n != 0 {
		t.Errorf("%d peers have to confirm after the Final", n)
	}
	if got := r.status(d).Echo.Offered; got != 0 {
		t.Errorf("offered %d us again by the same port", got)
	}
	r.swap(r.ports[0])
	hear()
	if got := r.status(d).Echo.Offered; got != 50_000 {
		t.Errorf("offered %d us by the port that was swapped in", got)
	}
}
