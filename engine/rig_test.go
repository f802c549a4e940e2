package engine

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const (
	us  = session.Time(session.Microsecond)
	ms  = session.Time(session.Millisecond)
	sec = session.Time(session.Second)
)

// p50 is a session at 50 ms, multiplier 3.
var p50 = session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3}

// port is a Port whose two sides are slices.
type port struct {
	in      []Rx // waiting, in order of arrival
	out     [][]byte
	held    [][]byte // committed, not flushed
	buf     [MaxFrame]byte
	full    bool // Alloc has no room
	refuse  int  // how many frames the next Flush refuses
	flushes int
	most    int    // frames of one flush
	l2      []bool // what Alloc was told
	l3      int    // what Commit was told last
	socket  bool   // only the kernel's sockets, no ring
	lost    uint64 // frames there was no room for
	asked   int    // how often somebody wanted to know
}

func (p *port) Receive(batch []Rx) int {
	n := copy(batch, p.in)
	p.in = p.in[n:]
	return n
}

func (p *port) Alloc(l2 bool) []byte {
	if p.full {
		return nil
	}
	p.l2 = append(p.l2, l2)
	return p.buf[:]
}

func (p *port) Commit(n, l3 int) { p.held, p.l3 = append(p.held, slices.Clone(p.buf[:n])), l3 }

func (p *port) Ring() bool { return !p.socket }

func (p *port) Lost() uint64 {
	p.asked++
	return p.lost
}

func (p *port) Flush() (failed int) {
	p.flushes++
	p.most = max(p.most, len(p.held))
	failed = min(p.refuse, len(p.held))
	p.refuse -= failed
	p.out = append(p.out, p.held[failed:]...)
	p.held = nil
	return failed
}

// sent takes what left the port and decodes it.
func (p *port) sent(t testing.TB) []sentPacket {
	t.Helper()
	var all []sentPacket
	for _, frame := range p.out {
		var s sentPacket
		packet.ParseEthernet(frame, &s.Datagram)
		if s.Drop != packet.DropNone {
			t.Fatalf("sent a frame that must be dropped: %v", s.Drop)
		}
		if d := s.Decode(s.Payload); d != packet.DropNone {
			t.Fatalf("sent a packet that must be dropped: %v", d)
		}
		all = append(all, s)
	}
	p.out = nil
	return all
}

type sentPacket struct {
	packet.Datagram
	packet.Control
}

// rig is an engine with its workers stepped by hand; worker i's port of
// interface 1 is ports[i].
type rig struct {
	t     testing.TB
	e     *Engine
	ports []*port
	now   session.Time
	woken atomic.Bool // a worker, since step last looked
}

const ifindex = 1

func newRig(t testing.TB, workers int) *rig {
	t.Helper()
	r := &rig{t: t, now: 1000 * sec}
	e, err := New(Config{
		Workers: workers, Seed: 1, Record: flight.Options{Frames: 16, Pool: 64}, Wake: func(int) { r.woken.Store(true) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.e = e
	for i := range workers {
		p := new(port)
		r.ports = append(r.ports, p)
		e.AttachPort(i, ifindex, p)
	}
	return r
}

// step runs the workers in turn until none wants to run again at this instant
// and none was woken by another, and returns the next instant any wants to.
func (r *rig) step() session.Time {
	r.t.Helper()
	for n := 0; ; n++ {
		r.woken.Store(false)
		next := session.Never
		for _, w := range r.e.workers {
			next = min(next, w.Step(r.now))
		}
		if next > r.now && !r.woken.Load() {
			return next
		}
		if n > 1000 {
			r.t.Fatal("the workers never come to rest")
		}
	}
}

// run lets d pass, stepping whenever a worker asked for it.
func (r *rig) run(d session.Time) {
	r.t.Helper()
	end := r.now + d
	for next := r.step(); next <= end; next = r.step() {
		r.now = next
	}
	r.now = end
	r.step()
}

func addr(s string) packet.Addr { return packet.AddrFrom(netip.MustParseAddr(s)) }

var (
	localMAC = packet.MAC{2, 0, 0, 0, 0, 1}
	peerMAC  = packet.MAC{2, 0, 0, 0, 0, 2}
)

// pathTo is a path over interface 1 to peer n.
func pathTo(n int) Path {
	a := packet.AddrFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
	return Path{Ifindex: ifindex, Local: addr("192.0.2.1"), Peer: a, LocalMAC: localMAC, PeerMAC: peerMAC, MACKnown: true}
}

// add creates a session with the path to peer n.
func (r *rig) add(p session.Params, n int) uint32 {
	r.t.Helper()
	discr, err := r.e.Add(Spec{Params: p})
	if err == nil {
		err = r.e.SetPath(discr, pathTo(n))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return discr
}

// peerDiscr is the discriminator that peer n uses.
func peerDiscr(n int) uint32 { return 0xbfd00000 + uint32(n) }

// control is a valid packet of peer n.
func control(n int, state packet.State, your uint32) packet.Control {
	return packet.Control{
		State: state, DetectMult: 3, Length: packet.ControlLen,
		MyDiscr: peerDiscr(n), YourDiscr: your, DesiredMinTx: 50_000, RequiredMinRx: 50_000,
	}
}

// rx is the datagram that carries c along peer n's path, arriving now.
func (r *rig) rx(n int, c packet.Control) Rx {
	payload := make([]byte, packet.ControlLen)
	c.Put(payload)
	p := pathTo(n)
	return Rx{Arrival: r.now, Datagram: packet.Datagram{
		Src: p.Peer, Dst: p.Local, SrcPort: 50_000, DstPort: packet.PortControl, TTL: 255, Payload: payload,
	}}
}

// hear gives worker's port a datagram and steps.
func (r *rig) hear(worker int, rx Rx) {
	r.t.Helper()
	r.ports[worker].in = append(r.ports[worker].in, rx)
	r.step()
}

// up brings the session with peer n Up and its Polls to an end.
func (r *rig) up(discr uint32, n int) {
	r.t.Helper()
	worker, _ := r.e.key.find(discr)
	r.upBy(discr, n, func(c packet.Control) { r.hear(int(worker), r.rx(n, c)) })
}

// upBy does so by packets that hear has arrive.
func (r *rig) upBy(discr uint32, n int, hear func(packet.Control)) {
	r.t.Helper()
	hear(control(n, packet.Down, 0))
	hear(control(n, packet.Up, discr))
	for range 3 {
		final := control(n, packet.Up, discr)
		final.Final = true
		hear(final)
		hear(control(n, packet.Up, discr))
	}
	if st := r.status(discr); st.State != packet.Up || st.Polling {
		r.t.Fatalf("session is %v, polling %v", st.State, st.Polling)
	}
}

func (r *rig) status(discr uint32) Status {
	r.t.Helper()
	for _, w := range r.e.workers {
		if st, ok := w.Status(discr, r.now); ok {
			return st
		}
	}
	r.t.Fatalf("no session %#x", discr)
	return Status{}
}

// drops returns all workers' discards together.
func (r *rig) drops() Discards {
	var sum Discards
	for _, w := range r.e.workers {
		for d, n := range w.drops {
			sum[d] += n
		}
	}
	return sum
}
