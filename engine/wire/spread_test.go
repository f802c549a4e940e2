package wire

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// spreader sends each frame at once and by the next of several queues, and so has
// the far end receive those of each session on ever other queues. It receives by
// all of them.
type spreader struct {
	receiver
	ports []*port
	next  int
}

func newSpreader(i *Interface) *spreader {
	s := &spreader{ports: i.ports}
	for _, q := range i.queues {
		s.addQueue(q)
	}
	for _, r := range i.udp {
		s.addUDP(r)
	}
	return s
}

func (s *spreader) Alloc(l2 bool) []byte {
	s.next = (s.next + 1) % len(s.ports)
	return s.ports[s.next].Alloc(l2)
}

func (s *spreader) Commit(n, l3 int) {
	s.ports[s.next].Commit(n, l3)
	s.ports[s.next].Flush()
}

func (*spreader) Ring() bool { return true }
func (*spreader) Flush() int { return 0 }

// timed is a worker, and adds up how late it was called.
type timed struct {
	*engine.Worker
	late     *atomic.Int64 // ns
	promised session.Time
}

func (w *timed) Step(now session.Time) session.Time {
	if late := now - w.promised; w.promised != session.Never && late > 0 {
		w.late.Add(int64(late))
	}
	w.promised = w.Worker.Step(now)
	return w.promised
}

// drive runs an engine's workers until the function that it returns is called, which
// tells how late they were called altogether. A worker that sleeps keeps its part of
// the runtime, so there are to be more of those.
func drive(t testing.TB, workers int) (*engine.Engine, func() time.Duration) {
	t.Helper()
	late := new(atomic.Int64)
	procs := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + workers)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	var loops []*Loop
	e, err := engine.New(engine.Config{Workers: workers, Seed: uint64(workers), Wake: func(i int) { loops[i].Wake() }})
	must(t, err)
	for _, w := range e.Workers() {
		l, err := NewLoop(LoopOptions{Worker: &timed{w, late, session.Never}, CPU: -1})
		must(t, err)
		loops = append(loops, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for _, l := range loops {
		done.Go(func() { must(t, l.Run(ctx)) })
	}
	return e, sync.OnceValue(func() time.Duration {
		cancel()
		done.Wait()
		return time.Duration(late.Load())
	})
}

// spread is two engines with sessions between them, [0] of several workers and [1]
// of one that sends by a spreader.
type spread struct {
	engines [2]*engine.Engine
	discrs  [2][]uint32
}

const spreadSessions = 48

// newSpread makes the sessions of a spread over a rig.
func newSpread(t *testing.T, r *rig, engines [2]*engine.Engine) *spread {
	t.Helper()
	s := &spread{engines: engines}
	for side, e := range []*end{r.a, r.b} {
		must(t, engines[side].SetKey(1, packet.AuthMethod{Type: packet.AuthMeticulousSHA1}, packet.NewSecret([]byte("in order"))))
		for n := range spreadSessions {
			s.discrs[side] = append(s.discrs[side], add(t, engines[side], e, n))
		}
	}
	return s
}

func (s *spread) statuses(t *testing.T, side int) []engine.Status {
	t.Helper()
	list := make([]engine.Status, spreadSessions)
	must(t, s.engines[side].StatusesOf(t.Context(), s.discrs[side], list))
	return list
}

// all adds up what the sessions of one side have counted.
func (s *spread) all(t *testing.T, side int, of func(*engine.Status) uint64) (n uint64) {
	t.Helper()
	for _, st := range s.statuses(t, side) {
		n += of(&st)
	}
	return n
}

func (s *spread) sent(t *testing.T) uint64 {
	t.Helper()
	return s.all(t, 1, func(st *engine.Status) uint64 { return st.Counters.Tx })
}

// account waits until every packet sent is received, was overtaken, or came before
// every worker knew of its session.
func (s *spread) account(t *testing.T) (got, overtaken, early uint64) {
	t.Helper()
	testnet.Eventually(t, 5*time.Second, "every packet is accounted for", func() bool {
		got = s.all(t, 0, func(st *engine.Status) uint64 { return st.Counters.Rx })
		overtaken = s.all(t, 0, func(st *engine.Status) uint64 { return st.Discards[packet.DropOvertaken] })
		totals, err := s.engines[0].WorkerTotals(t.Context())
		must(t, err)
		early = 0
		for _, w := range totals {
			early += w.Drops[packet.DropNoSession]
		}
		return got+overtaken+early == s.sent(t)
	})
	return got, overtaken, early
}

// held finds fault with whatever flapped or discarded anything else.
func (s *spread) held(t *testing.T) {
	t.Helper()
	for _, st := range s.statuses(t, 0) {
		st.Discards[packet.DropOvertaken] = 0
		if st.State != packet.Up || st.Counters.Down != 0 || st.Discards != (engine.Discards{}) {
			t.Errorf("session %d of worker %d: %v, down %d times, discards %v", st.Discr, s.engines[0].WorkerOf(st.Discr), st.State, st.Counters.Down, st.Discards)
		}
	}
	totals, err := s.engines[0].WorkerTotals(t.Context())
	must(t, err)
	for i, w := range totals {
		w.Drops[packet.DropNoSession], w.Drops[packet.DropOvertaken] = 0, 0
		if w.Drops != (engine.Discards{}) || w.Rx == 0 {
			t.Errorf("worker %d accepted %d, dropped %v", i, w.Rx, w.Drops)
		}
	}
}

// TestSpreadOverQueues has frames of every session arrive on ever other queues of an
// interface that several workers serve: each is received by its session's worker,
// once and in order, and none is lost.
func TestSpreadOverQueues(t *testing.T) {
	const queues, workers = 4, 3
	r := newRig(t, netns.VethOptions{Queues: queues})
	for _, e := range []*end{r.a, r.b} { // without lanes: XDP hears nothing by itself
		tables, err := bpf.NewTables(2*spreadSessions, 0)
		must(t, err)
		t.Cleanup(func() { must(t, tables.Close()) })
		e.tables = tables
	}
	a, b := r.a.open(t, Options{Workers: workers}), r.b.open(t, Options{Workers: queues})
	ours, stopOurs := drive(t, workers)
	theirs, stopTheirs := drive(t, 1)
	t.Cleanup(func() { stopOurs(); stopTheirs() })
	for i := range workers {
		ours.AttachPort(i, int32(r.a.ifindex), a.Port(i))
	}
	theirs.AttachPort(0, int32(r.b.ifindex), newSpreader(b))

	began := time.Now()
	s := newSpread(t, r, [2]*engine.Engine{ours, theirs})
	testnet.Eventually(t, 30*time.Second, "40 packets of each session are sent", func() bool { return s.sent(t) >= 40*spreadSessions })
	must(t, theirs.DetachPort(t.Context(), 0, int32(r.b.ifindex))) // no more is sent
	took := time.Since(began)
	got, overtaken, early := s.account(t)
	s.held(t)
	sent, c := s.sent(t), a.Counters()
	stood := stopOurs()
	t.Logf("%d packets sent in %v, %d received, %d overtaken, %d too early; the workers were %v late", sent, took, got, overtaken, early, stood)
	if c["steered"] != sent || c["pass_no_socket"] != 0 {
		t.Errorf("counters %v", c)
	}
	// What a worker that stands still holds is overtaken by what the others receive.
	if allowed := sent/20 + uint64(float64(sent)*stood.Seconds()/took.Seconds()); overtaken > allowed || early > spreadSessions {
		t.Errorf("%d packets overtaken, %d allowed", overtaken, allowed)
	}
	rows.Covers(t, "ENV-RQ-01")
}

// add makes a session of one end with the other, numbered: at 50 ms, half of them
// with digests whose numbers must rise from packet to packet. Losses are counted, so
// a worker that stands still for a while need not take it down.
func add(t *testing.T, e *engine.Engine, at *end, n int) uint32 {
	t.Helper()
	near, far := byte(18), byte(19)
	if at.ifname == "vb" {
		near, far = far, near
	}
	local, peer := netip.AddrFrom4([4]byte{198, near, 0, byte(n + 1)}), netip.AddrFrom4([4]byte{198, far, 0, byte(n + 1)})
	spec := engine.Spec{Params: session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 100}}
	if n%2 == 1 {
		spec.Auth = engine.Auth{On: true, Key: 1, KeyID: 7}
	}
	d, err := e.Add(spec)
	must(t, err)
	p := bpf.Peer{Ifindex: int32(at.ifindex), Local: packet.AddrFrom(local), Peer: packet.AddrFrom(peer)}
	must(t, at.tables.SetPeer(p))
	must(t, at.tables.AddDiscr(d, bpf.NoLane))
	must(t, e.SetPath(d, engine.Path{
		Ifindex: p.Ifindex, Local: p.Local, Peer: p.Peer, LocalMAC: at.mac, PeerMAC: at.neighbor.mac, MACKnown: true,
	}))
	return d
}
