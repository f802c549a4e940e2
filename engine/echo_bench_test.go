package engine

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// echoPort loops what is sent at once: each frame comes back in the next Step with
// one hop less to go. What it is given besides it repeats at every Step.
type echoPort struct {
	buf     [MaxFrame]byte
	way     [256][MaxFrame]byte
	n       [256]int
	waiting int
	taken   int
	repeat  [][]byte
	left    int
	now     session.Time
	sent    int
}

func (p *echoPort) Receive(batch []Rx) (n int) {
	for ; n < len(batch) && p.taken < p.waiting; n++ {
		batch[n].Frame = p.way[p.taken][:p.n[p.taken]]
		p.taken++
		packet.ParseEthernet(batch[n].Frame, &batch[n].Datagram)
		batch[n].Arrival = p.now
	}
	if p.taken == p.waiting {
		p.taken, p.waiting = 0, 0
	}
	for ; n < len(batch) && p.left > 0; n++ {
		p.left--
		batch[n].Frame = p.repeat[p.left%len(p.repeat)]
		packet.ParseEthernet(batch[n].Frame, &batch[n].Datagram)
		batch[n].Arrival = p.now
	}
	return n
}

func (p *echoPort) Alloc(bool) []byte { return p.buf[:] }

// Commit is the peer's part: only what is to the Echo port comes back.
func (p *echoPort) Commit(n, l3 int) {
	p.sent++
	if port := l3 + 20 + 2; p.waiting < len(p.way) && p.buf[port] == packet.PortEcho>>8 && p.buf[port+1] == packet.PortEcho&0xff && p.buf[l3+8] == 255 {
		p.n[p.waiting] = packet.LoopEcho(p.way[p.waiting][:], p.buf[:n], false)
		p.waiting++
	}
}

func (*echoPort) Ring() bool { return true }

func (*echoPort) Lost() uint64 { return 0 }
func (*echoPort) Flush() int   { return 0 }

// echoLoop is a worker with one session that is Up by the parameters and whose
// Echo, if it has one, comes back; its port repeats the peer's Echo packet.
func echoLoop(tb testing.TB, p session.Params) (*Worker, *echoPort, *loopBed) {
	b := newLoopBed(tb, 1, p, echoPathTo(1))
	if p.Kind != session.Unaffiliated {
		c := b.peer // it may be silent for hours now
		c.DesiredMinTx, c.DetectMult = 1<<32-1, 255
		b.hear(0, b.framed(c))
	}
	port := &echoPort{repeat: [][]byte{peerEcho(tb, b.path, b.path.Peer, b.path.Peer, 255)}, now: b.now}
	w := b.e.workers[0]
	w.ports[0] = port
	w.proven[0] = true
	port.step(w, b)
	return w, port, b
}

// step goes on to the worker's next instant.
func (p *echoPort) step(w *Worker, b *loopBed) {
	if p.waiting > 0 {
		b.now += 100 * us // the way there and back
	}
	p.now = b.now
	b.now = max(b.now, w.Step(b.now))
	p.now = b.now
}

// What is sent, comes back, is looped, or spans hops allocates nothing.
func TestEchoDoesNotAllocate(t *testing.T) {
	for name, c := range map[string]struct {
		p    session.Params
		loop int
	}{
		"echo": {echoParams(), 0}, "looping": {echoParams(), 32}, "multihop": {far(), 0}, "unaffiliated": {alone(), 0},
		"demand": {func() session.Params { p := p50; p.Demand, p.DemandPoll = true, 0; return p }(), 0},
	} {
		w, p, b := echoLoop(t, c.p)
		before, sent := b.status(b.discr), p.sent
		n := testing.AllocsPerRun(500, func() {
			p.left = c.loop
			p.step(w, b)
		})
		after := b.status(b.discr)
		if n != 0 {
			t.Errorf("%s: %v allocations in a Step", name, n)
		}
		if p.sent-sent < 150 || after.State != packet.Up || after.Counters.Down != before.Counters.Down {
			t.Errorf("%s: %d sent, session %v", name, p.sent-sent, after.State)
		}
		if got := after.Echo.Returned - before.Echo.Returned; (got > 100) != (c.p.EchoTx != 0) {
			t.Errorf("%s: %d came back", name, got)
		}
		if got := after.Counters.Looped; (got > 10_000) != (c.loop != 0) {
			t.Errorf("%s: %d looped", name, got)
		}
	}
}

// BenchmarkEchoSendReturn is one Echo packet of ours: timer fires, frame copied
// and sealed, timer set; it comes back, seal and number checked. The way through
// the scripted peer is part of the time.
func BenchmarkEchoSendReturn(b *testing.B) {
	w, p, bed := echoLoop(b, echoParams())
	before := bed.status(bed.discr).Echo.Returned
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		p.step(w, bed)
		p.step(w, bed)
	}
	b.StopTimer()
	if got := bed.status(bed.discr).Echo.Returned - before; got < uint64(b.N)/2 {
		b.Fatalf("%d of %d came back", got, b.N)
	}
}

// BenchmarkEchoSend is one Echo packet sent: timer fires, frame copied and
// sealed, timer set. None comes back, so nothing depends on it.
func BenchmarkEchoSend(b *testing.B) {
	bed := newLoopBed(b, 1, p50, echoPathTo(1))
	c := bed.peer
	c.DesiredMinTx, c.DetectMult, c.RequiredMinRx = 1<<32-1, 255, 1<<32-1 // few Control packets either way
	bed.hear(0, bed.framed(c))
	bed.configure(func(p *session.Params) { p.EchoTx = 20_000 })
	bed.step()
	p := new(loopPort)
	w := bed.e.workers[0]
	w.ports[0] = p
	now := bed.now
	b.ReportAllocs()
	b.ResetTimer()
	for p.sent < b.N {
		now = max(now+1, w.Step(now))
	}
}

// BenchmarkEchoReturn is one Echo packet of ours that comes back: frame parsed,
// session found, seal and number checked, timer set.
func BenchmarkEchoReturn(b *testing.B) {
	w, _, bed := echoLoop(b, echoParams())
	e := &w.echoes[0]
	frames := make([][]byte, rxBatch)
	p := &loopPort{rx: make([]Rx, rxBatch)}
	w.ports[0] = p
	before := e.Returned
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += rxBatch {
		b.StopTimer()
		for i := range frames { // rxBatch packets are out
			bed.now += 20 * ms
			e.Expire(bed.now, false, &w.rng)
			sent := packet.Echo{Discr: bed.discr, Seq: e.Seq(), Sent: int64(bed.now)}
			buf := make([]byte, MaxFrame)
			buf = buf[:e.template.PutEcho(buf, &sent, &bed.e.echoKey)]
			frames[i] = make([]byte, len(buf))
			packet.LoopEcho(frames[i], buf, false)
		}
		e.Run(bed.now, 20_000, 255, &w.rng)
		p.parse, p.left, p.next, p.arrival = frames, rxBatch, 0, bed.now
		b.StartTimer()
		w.Step(bed.now)
	}
	b.StopTimer()
	if got := e.Returned - before; got < uint64(b.N) {
		b.Fatalf("%d of %d accepted: %v", got, b.N, bed.drops())
	}
}

// BenchmarkEchoLoop is one Echo packet of the peer's that goes back.
func BenchmarkEchoLoop(b *testing.B) {
	p := p50
	p.EchoRx = 30_000
	w, port, bed := echoLoop(b, p)
	before := bed.status(bed.discr).Counters.Looped
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += rxBatch {
		port.left = rxBatch
		w.Step(bed.now)
	}
	b.StopTimer()
	if got := bed.status(bed.discr).Counters.Looped - before; got < uint64(b.N) {
		b.Fatalf("%d of %d looped", got, b.N)
	}
}
