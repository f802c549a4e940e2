package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

var (
	// ErrFull says that the least loaded worker has MaxSlots sessions.
	ErrFull = errors.New("no room for another session")
	// ErrUnknown says that no session has a discriminator, or one that is being
	// removed.
	ErrUnknown = errors.New("no such session")
	// ErrDuplicate says that there is a session with that path.
	ErrDuplicate = errors.New("another session has this interface and these addresses")
)

// Engine is the control plane's side of a set of workers. Its methods may be
// called by any goroutine; they change what the workers do a moment later. Those
// that take a context wait for a worker, and fail with the context's error if that
// ends first. Those that take a discriminator fail with ErrUnknown.
type Engine struct {
	key     discrKey
	wakeFn  func(int)
	workers []*Worker
	notify  chan struct{}

	lanes       *fastpath.Lanes
	insurance   bool
	echoKey     packet.EchoKey
	capacity    uint64
	minInterval uint32

	mu       sync.Mutex // guards everything below, and the order of posted commands
	seed     *rand.PCG
	sessions map[uint32]*record
	leaving  map[addrKey]*record // those of them that are being removed, by the path they had
	bound    bindings
	peers    bindings        // of those on single hops, one for each peer
	twins    map[addrKey]int // the others, by interface and peer
	free     [][]uint32      // per worker, oldest first
	made     []int           // per worker: slots ever used
	laneFree []uint32        // counted from 1
	laneMade int
	loads    []uint64 // per worker: packets per second of its sessions
	gens     map[uint32]uint32
	ports    sourcePorts
	keys     map[uint32]*pooled
}

// record is the control plane's knowledge of one session.
type record struct {
	discr   uint32
	worker  int
	slot    uint32
	srcPort uint16
	kind    session.Kind
	load    uint64
	lane    uint32   // counted from 1; 0: none
	path    *binding // the latest; nil before the first
	bound   bool     // and it is the present one
	removal bool

	holds   []session.Auth // what it may be using: their keys count as used
	authGen uint32         // of the latest change
}

// New makes an Engine and its workers. Nothing runs until something calls each
// worker's Step.
func New(c Config) (*Engine, error) {
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.Workers < 1 || c.Workers > MaxWorkers {
		return nil, fmt.Errorf("engine: %d workers, must be 1 to %d", c.Workers, MaxWorkers)
	}
	e := &Engine{
		wakeFn:   c.Wake,
		notify:   make(chan struct{}, 1),
		seed:     rand.NewPCG(c.Seed, c.Seed^0x62664462664464),
		sessions: make(map[uint32]*record),
		leaving:  make(map[addrKey]*record),
		bound:    byKey(),
		peers:    byPeer(),
		twins:    make(map[addrKey]int),
		free:     make([][]uint32, c.Workers),
		made:     make([]int, c.Workers),
		loads:    make([]uint64, c.Workers),
		lanes:    c.Lanes, insurance: c.Insurance && c.Lanes != nil, capacity: c.Capacity, minInterval: c.MinInterval,
		gens: make(map[uint32]uint32),
		keys: make(map[uint32]*pooled),
	}
	e.key = discrKey{uint32(e.seed.Uint64()), uint32(e.seed.Uint64())}
	e.ports.next = uint16(e.seed.Uint64() % numSourcePorts)
	e.echoKey = packet.EchoKey{A: e.seed.Uint64(), B: e.seed.Uint64()}
	for i := range c.Workers {
		w := newWorker(e, i, c.Record)
		w.grow(min((c.Sessions+c.Workers-1)/c.Workers, MaxSlots))
		e.workers = append(e.workers, w)
	}
	for _, w := range e.workers {
		for _, o := range e.workers {
			if o != w {
				w.from[o.index] = new(handoff)
			}
		}
	}
	return e, nil
}

// Workers returns the workers, for whoever is to drive them.
func (e *Engine) Workers() []*Worker { return e.workers }

func (e *Engine) wake(worker int) {
	if e.wakeFn != nil {
		e.wakeFn(worker)
	}
}

func (e *Engine) post(worker int, c command) {
	e.workers[worker].mail.post(c)
	e.wake(worker)
}

// Add creates a session, which waits for a path, and returns its discriminator:
// its name in every other call. It fails with ErrFull, ErrKeyUnknown, a *LoadError,
// and for parameters that no session can have.
func (e *Engine) Add(spec Spec) (discr uint32, err error) {
	spec.Params = e.slowed(spec.Params)
	if err := check(spec.Params); err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	worker := e.leastLoaded()
	load := loadOf(spec.Params)
	if err := e.admit(worker, 0, load); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			e.loads[worker] -= load
		}
	}()
	auth, err := e.takeKey(spec.Auth)
	if err != nil {
		return 0, err
	}
	slot, ok := e.takeSlot(worker)
	if !ok {
		e.giveKeys(&record{holds: []session.Auth{auth}})
		return 0, ErrFull
	}
	r := &record{
		worker: worker, slot: slot, srcPort: e.ports.take(), holds: []session.Auth{auth},
		kind: spec.Params.Kind, load: load, lane: e.takeLane(),
	}
	r.discr = e.newDiscr(worker, slot)
	e.sessions[r.discr] = r
	e.post(worker, func(w *Worker, now session.Time) {
		if int(slot) >= len(w.slots) {
			w.grow(roomFor(int(slot) + 1))
		}
		w.install(slot, r, spec, auth, now)
	})
	return r.discr, nil
}

// Configure changes the parameters of a running session, but for its kind: new
// timers by a Poll Sequence, AdminDown at once (RFC 5880 §6.8.3, §6.8.16). With an
// error, a *LoadError or one of Add's about parameters, everything stays as it was.
func (e *Engine) Configure(discr uint32, p session.Params) error {
	p = e.slowed(p)
	var refused error
	err := e.with(discr, func(r *record) {
		p.Kind = r.kind
		if refused = check(p); refused != nil {
			return
		}
		load := loadOf(p)
		if refused = e.admit(r.worker, r.load, load); refused != nil {
			return
		}
		r.load = load
		e.post(r.worker, func(w *Worker, now session.Time) { w.configure(r.slot, p, now) })
	})
	if err != nil {
		return err
	}
	return refused
}

// SetDSCP changes the DSCP of the packets a session sends.
func (e *Engine) SetDSCP(discr uint32, dscp uint8) error {
	return e.with(discr, func(r *record) {
		e.post(r.worker, func(w *Worker, _ session.Time) {
			sl := &w.slots[r.slot]
			sl.dscp, sl.dirty = dscp, true
			if sl.echo != 0 {
				w.echoes[sl.echo-1].dirty = true
			}
		})
	})
}

// WorkerOf returns the number of the worker that runs a session.
func (e *Engine) WorkerOf(discr uint32) int {
	worker, _ := e.key.find(discr)
	return int(worker)
}

// Remove takes a session down with AdminDown and frees it when the peer has had
// hold nanoseconds, and a Detection Time if it may be Up, to hear of it; an Event
// with Gone tells when. A negative hold frees at once and says nothing to the
// peer.
func (e *Engine) Remove(discr uint32, hold int64) error {
	return e.with(discr, func(r *record) {
		if r.bound {
			e.leaving[r.path.key] = r
		}
		e.unbind(r)
		r.removal = true
		e.post(r.worker, func(w *Worker, now session.Time) {
			if i, ok := w.lookup(discr); ok {
				w.remove(i, hold, now)
			}
		})
	})
}

// with runs fn with the record of a session that is not being removed.
func (e *Engine) with(discr uint32, fn func(*record)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.sessions[discr]
	if r == nil || r.removal {
		return fmt.Errorf("session %#08x: %w", discr, ErrUnknown)
	}
	fn(r)
	return nil
}
