package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// pipe is a Port whose far end may belong to another goroutine.
type pipe struct {
	far   *pipe
	clock *atomic.Int64
	buf   [MaxFrame]byte
	out   [][]byte

	mu      sync.Mutex
	waiting [][]byte
	lent    [][]byte
}

func (p *pipe) Receive(batch []Rx) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(batch), len(p.waiting))
	p.lent, p.waiting = p.waiting[:n], p.waiting[n:]
	for i, b := range p.lent {
		packet.ParseEthernet(b, &batch[i].Datagram)
		batch[i].Arrival, batch[i].Frame = session.Time(p.clock.Load()), b
	}
	return n
}

func (p *pipe) Alloc(bool) []byte { return p.buf[:] }
func (p *pipe) Commit(n, _ int)   { p.out = append(p.out, append([]byte(nil), p.buf[:n]...)) }
func (*pipe) Ring() bool          { return true }
func (*pipe) Lost() uint64        { return 0 }

func (p *pipe) Flush() int {
	p.far.mu.Lock()
	defer p.far.mu.Unlock()
	p.far.waiting = append(p.far.waiting, p.out...)
	p.out = nil
	return 0
}

// Everything that goroutines may call, called at once while the workers run.
// Under the race detector this proves that they meet only in the mailbox, the
// outbox and the hand-off rings; without it, that nothing is left behind.
func TestControlAndWorkersTogether(t *testing.T) {
	const workers, clients, rounds = 2, 3, 15
	var clock atomic.Int64
	var engines [2]*Engine
	for i := range engines {
		e, err := New(Config{Workers: workers, Seed: uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		engines[i] = e
	}
	// A frame from worker i of one engine arrives at worker i of the other, so
	// about half of them are handed over.
	for i := range workers {
		a, b := &pipe{clock: &clock}, &pipe{clock: &clock}
		a.far, b.far = b, a
		engines[0].AttachPort(i, ifindex, a)
		engines[1].AttachPort(i, ifindex, b)
	}

	stop := start(engines, &clock)
	var ask sync.WaitGroup
	for c := range clients {
		ask.Go(func() { hammer(t, engines, c, rounds) })
	}
	ask.Wait()
	stop()
	for _, e := range engines {
		for range 3 {
			for _, w := range e.Workers() {
				w.Step(session.Time(clock.Load()))
			}
			e.TakeEvents(nil)
		}
		if n := len(e.sessions) + len(e.leaving) + e.bound.Len(); n != 0 {
			t.Errorf("%d entries left behind", n)
		}
	}
}

// start drives the workers, and reads the events, until the function it returns
// is called.
func start(engines [2]*Engine, clock *atomic.Int64) (stop func()) {
	done := make(chan struct{})
	var run sync.WaitGroup
	for _, e := range engines {
		for _, w := range e.Workers() {
			run.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						w.Step(session.Time(clock.Add(int64(20 * us))))
						runtime.Gosched()
					}
				}
			})
		}
		run.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-e.Notify():
					e.TakeEvents(nil)
				}
			}
		})
	}
	return func() {
		close(done)
		run.Wait()
	}
}

// hammer adds, changes, asks for and removes sessions of its own.
func hammer(t *testing.T, engines [2]*Engine, client, rounds int) {
	rng := rand.New(rand.NewPCG(uint64(client), 1))
	ctx := context.Background()
	for round := range rounds {
		path := echoPathTo(client*1000 + round)
		back := path
		back.Local, back.Peer = path.Peer, path.Local
		path.PeerMAC, back.PeerMAC = localMAC, localMAC // every frame is for whoever gets it
		var ds [2]uint32
		for i, e := range engines {
			d, err := e.Add(Spec{Params: echoParams()})
			if err != nil {
				t.Error(err)
				return
			}
			ds[i] = d
			if err := e.SetPath(d, [2]Path{path, back}[i]); err != nil {
				t.Error(err)
			}
		}
		for range 10 {
			e, d := engines[rng.IntN(2)], ds[0]
			if e == engines[1] {
				d = ds[1]
			}
			var err error
			switch rng.IntN(10) {
			case 0:
				err = e.Configure(d, session.Params{DesiredMinTx: 1000 + rng.Uint32N(9000), RequiredMinRx: 10_000, DetectMult: 3, AdminDown: rng.IntN(4) == 0})
			case 1:
				_, err = e.Status(ctx, d)
			case 2:
				_, err = e.Statuses(ctx, nil)
			case 3:
				_, err = e.Totals(ctx)
			case 4:
				err = e.ClearPath(d)
			case 5:
				err = e.SetPath(d, [2]Path{path, back}[map[bool]int{true: 1}[d == ds[1]]])
			case 6:
				err = e.Signal(d, []packet.Diag{0, 4, 5, 6, 8}[rng.IntN(5)])
			case 7:
				err = e.Poll(d)
			case 8:
				err = e.SetChecks(d, 0, rng.IntN(2) == 0)
			case 9:
				p := echoParams()
				p.EchoTx *= rng.Uint32N(2)
				p.EchoRx *= rng.Uint32N(2)
				err = e.Configure(d, p)
			}
			if err != nil {
				t.Error(err)
			}
		}
		for i, e := range engines {
			if err := e.Remove(ds[i], -1); err != nil {
				t.Error(err)
			}
			if err := e.Remove(ds[i], 0); !errors.Is(err, ErrUnknown) {
				t.Errorf("removed twice: %v", err)
			}
		}
	}
}
