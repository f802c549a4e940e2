package wire

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
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

// drive runs an engine's workers until the function that it returns is called. A
// worker that sleeps keeps its part of the runtime, so there are to be more of those.
func drive(t testing.TB, workers int) (*engine.Engine, func()) {
	t.Helper()
	procs := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + workers)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	var loops []*Loop
	e, err := engine.New(engine.Config{Workers: workers, Seed: uint64(workers), Wake: func(i int) { loops[i].Wake() }})
	must(t, err)
	for _, w := range e.Workers() {
		l, err := NewLoop(LoopOptions{Worker: w, CPU: -1})
		must(t, err)
		loops = append(loops, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for _, l := range loops {
		done.Go(func() { must(t, l.Run(ctx)) })
	}
	return e, sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
}

// TestSpreadOverQueues has frames of every session arrive on ever other queues of an
// interface that several workers serve: each is received by its session's worker,
// once and in order, and none is lost.
func TestSpreadOverQueues(t *testing.T) {
	const queues, workers, count = 4, 3, 48
	r := newRig(t, netns.VethOptions{Queues: queues})
	for _, e := range []*end{r.a, r.b} { // without lanes: XDP hears nothing by itself
		tables, err := bpf.NewTables(2*count, 0)
		must(t, err)
		t.Cleanup(func() { must(t, tables.Close()) })
		e.tables = tables
	}
	a, b := r.a.open(t, Options{Workers: workers}), r.b.open(t, Options{Workers: queues})
	ours, stopOurs := drive(t, workers)
	theirs, stopTheirs := drive(t, 1)
	t.Cleanup(stopOurs)
	t.Cleanup(stopTheirs)
	for i := range workers {
		ours.AttachPort(i, int32(r.a.ifindex), a.Port(i))
	}
	theirs.AttachPort(0, int32(r.b.ifindex), newSpreader(b))

	var discrs [2][]uint32
	for side, e := range []*engine.Engine{ours, theirs} {
		must(t, e.SetKey(1, packet.AuthMethod{Type: packet.AuthMeticulousSHA1}, packet.NewSecret([]byte("in order"))))
		for n := range count {
			discrs[side] = append(discrs[side], add(t, e, []*end{r.a, r.b}[side], n))
		}
	}
	statuses := func(side int) []engine.Status {
		list := make([]engine.Status, count)
		must(t, []*engine.Engine{ours, theirs}[side].StatusesOf(t.Context(), discrs[side], list))
		return list
	}
	testnet.Eventually(t, 10*time.Second, "all sessions are up", func() bool {
		for side := range 2 {
			for _, st := range statuses(side) {
				if st.State != packet.Up {
					return false
				}
			}
		}
		return true
	})
	time.Sleep(2 * time.Second)
	must(t, theirs.DetachPort(t.Context(), 0, int32(r.b.ifindex))) // no more is sent
	time.Sleep(20 * time.Millisecond)
	var sent, got, overtaken uint64
	for _, st := range statuses(1) {
		sent += st.Counters.Tx
	}
	for _, st := range statuses(0) {
		got += st.Counters.Rx
		overtaken += st.Discards[packet.DropOvertaken]
		st.Discards[packet.DropOvertaken] = 0
		if st.State != packet.Up || st.Counters.Down != 0 || st.Discards != (engine.Discards{}) {
			t.Errorf("session %d of worker %d: %v, down %d times, discards %v", st.Discr, ours.WorkerOf(st.Discr), st.State, st.Counters.Down, st.Discards)
		}
	}
	totals, err := ours.WorkerTotals(t.Context())
	must(t, err)
	early := uint64(0) // before every worker knew of the session
	for i, w := range totals {
		early += w.Drops[packet.DropNoSession]
		w.Drops[packet.DropNoSession], w.Drops[packet.DropOvertaken] = 0, 0
		if w.Drops != (engine.Discards{}) || w.Rx == 0 {
			t.Errorf("worker %d accepted %d, dropped %v", i, w.Rx, w.Drops)
		}
	}
	c := a.Counters()
	if got+overtaken+early != sent || c["steered"] != sent || c["pass_no_socket"] != 0 {
		t.Errorf("%d packets sent, %d received, %d overtaken, %d too early; counters %v", sent, got, overtaken, early, c)
	}
	if sent < 40*count || overtaken > sent/20 || early > count {
		t.Errorf("%d packets sent, %d overtaken, %d too early", sent, overtaken, early)
	}
	t.Logf("%d packets sent, %d received, %d overtaken, %d too early", sent, got, overtaken, early)
	rows.Covers(t, "ENV-RQ-01")
}

// add makes a session of one end with the other, numbered: at 50 ms, half of them
// with digests whose numbers must rise from packet to packet.
func add(t *testing.T, e *engine.Engine, at *end, n int) uint32 {
	t.Helper()
	near, far := byte(18), byte(19)
	if at.ifname == "vb" {
		near, far = far, near
	}
	local, peer := netip.AddrFrom4([4]byte{198, near, 0, byte(n + 1)}), netip.AddrFrom4([4]byte{198, far, 0, byte(n + 1)})
	spec := engine.Spec{Params: session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 5}}
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
