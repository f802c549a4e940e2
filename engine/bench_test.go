package engine

import (
	"encoding/binary"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// loopPort gives the same datagrams again and again and swallows what is sent.
type loopPort struct {
	rx      []Rx
	arrival session.Time
	next    int
	left    int // datagrams until the port is empty
	parse   [][]byte
	buf     [MaxFrame]byte
	sent    int
}

func (p *loopPort) Receive(batch []Rx) int {
	n := min(len(batch), p.left)
	for i := range batch[:n] {
		if p.parse != nil {
			packet.ParseEthernet(p.parse[p.next], &batch[i].Datagram)
			batch[i].Frame = p.rx[p.next].Frame
		} else {
			batch[i] = p.rx[p.next]
		}
		batch[i].Arrival = p.arrival
		if p.next++; p.next == len(p.rx) {
			p.next = 0
		}
	}
	p.left -= n
	return n
}

func (p *loopPort) Alloc(bool) []byte { return p.buf[:] }
func (p *loopPort) Commit(int, int)   { p.sent++ }
func (*loopPort) Ring() bool          { return true }
func (*loopPort) Lost() uint64        { return 0 }

func (p *loopPort) Flush() int { return 0 }

// loop is a worker with n sessions that are Up, fed by a loopPort.
func loop(tb testing.TB, n int, frames bool) (*Worker, *loopPort, *rig) {
	r := newRig(tb, 1)
	var all []uint32
	for i := range n {
		all = append(all, r.add(p50, i))
	}
	r.run(sec)
	p := new(loopPort)
	for i, d := range all {
		r.up(d, i)
		c := control(i, packet.Up, d)
		p.rx = append(p.rx, r.rx(i, c))
		if frames {
			p.parse = append(p.parse, framed(i, c))
		}
	}
	r.take()
	r.e.workers[0].ports[0] = p
	return r.e.workers[0], p, r
}

// In steady state a Step allocates nothing, whether it receives or sends.
func TestStepDoesNotAllocate(t *testing.T) {
	w, p, r := loop(t, 100, true)
	now := r.now
	allocs := testing.AllocsPerRun(1000, func() {
		now += 10 * ms
		p.left, p.arrival = 100, now
		w.Step(now)
	})
	if allocs != 0 {
		t.Errorf("%v allocations in a Step", allocs)
	}
	if p.sent < 10_000 {
		t.Errorf("%d packets sent in 10 s by 100 sessions", p.sent)
	}
}

// A flapping session costs no garbage either, as long as somebody reads.
func TestFlapDoesNotAllocate(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.run(sec)
	r.up(d, 1)
	w := r.e.workers[0]
	p := &loopPort{}
	for _, state := range []packet.State{packet.Down, packet.Down, packet.Up} {
		p.rx = append(p.rx, r.rx(1, control(1, state, d)))
	}
	w.ports[0] = p
	events := make([]Event, 0, 64)
	now := r.now
	flap := func() {
		now += ms
		p.left, p.arrival = 3, now
		w.Step(now)
		events = r.e.TakeEvents(events[:0])
	}
	flap()
	if allocs := testing.AllocsPerRun(1000, flap); allocs != 0 {
		t.Errorf("%v allocations in a flap", allocs)
	}
}

// BenchmarkStepReceive is one received packet: frame parsed, session found,
// state machine run, timer moved.
func BenchmarkStepReceive(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000} {
		b.Run(sessions(n), func(b *testing.B) {
			w, p, r := loop(b, n, true)
			now := r.now
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += rxBatch {
				// Time passes as if each peer sent every 20 ms: no session expires,
				// and few packets are due.
				now += 20 * ms * rxBatch / session.Time(max(n, rxBatch))
				p.left, p.arrival = rxBatch, now
				w.Step(now)
			}
			b.StopTimer()
			if tot := w.Totals(); tot.Rx < uint64(b.N) || tot.Drops != (Discards{}) {
				b.Fatalf("accepted %d of %d packets", tot.Rx, b.N)
			}
		})
	}
}

// BenchmarkStepSend is one sent packet: timer fires, template copied, timer set.
func BenchmarkStepSend(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000} {
		b.Run(sessions(n), func(b *testing.B) {
			w, p, r := loop(b, n, false)
			hour := uint32(3_600_000_000)
			for i := range p.rx { // nobody expires while this runs
				binary.BigEndian.PutUint32(p.rx[i].Payload[12:], hour)
				p.rx[i].Payload[2] = 255
			}
			for p.left, p.arrival = n, r.now; p.left > 0; {
				w.Step(r.now)
			}
			now := r.now
			p.sent = 0
			b.ReportAllocs()
			b.ResetTimer()
			for p.sent < b.N {
				now = max(now+1, w.Step(now))
			}
		})
	}
}

// BenchmarkStepIdle is a Step that finds nothing to do.
func BenchmarkStepIdle(b *testing.B) {
	w, _, r := loop(b, 1000, false)
	b.ReportAllocs()
	for b.Loop() {
		w.Step(r.now)
	}
}

// BenchmarkHandOff is one packet that arrived on the queue of its session's worker,
// or on another: the difference is what hand-off costs both workers together,
// without waking the other.
func BenchmarkHandOff(b *testing.B) {
	for _, own := range []bool{true, false} {
		b.Run(map[bool]string{true: "own queue", false: "other queue"}[own], func(b *testing.B) {
			r := newRig(b, 2)
			d := r.add(p50, 1)
			r.step()
			r.up(d, 1)
			at, _ := r.e.key.find(d)
			if !own {
				at = 1 - at
			}
			rx := r.received(framed(1, control(1, packet.Up, d)))
			p := &loopPort{rx: []Rx{rx}, parse: [][]byte{rx.Frame}}
			r.e.workers[at].ports[0] = p
			now, before := r.now, r.status(d).Counters.Rx
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += rxBatch {
				now += 20 * ms
				p.left, p.arrival = rxBatch, now
				r.e.workers[at].Step(now)
				r.e.workers[1-at].Step(now)
			}
			b.StopTimer()
			if got := r.status(d).Counters.Rx - before; got < uint64(b.N) {
				b.Fatalf("received %d of %d packets: %v", got, b.N, r.drops())
			}
		})
	}
}

// framed is the whole frame that carries a packet of peer n.
func framed(n int, c packet.Control) []byte {
	var t packet.Template
	path := pathTo(n)
	t.Render(&packet.Path{
		SrcMAC: peerMAC, DstMAC: localMAC, Src: path.Peer, Dst: path.Local, SrcPort: 50_000, DstPort: packet.PortControl, TTL: 255,
	}, &c, nil)
	b := make([]byte, MaxFrame)
	return b[:t.Put(b, 0)]
}

func sessions(n int) string {
	return map[int]string{1: "1", 1000: "1k", 10_000: "10k"}[n] + " sessions"
}
