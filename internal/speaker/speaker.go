package speaker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/netlinkmon"
)

// Speaker runs the sessions of one network namespace.
type Speaker struct {
	o       Options
	log     *slog.Logger
	engine  *engine.Engine
	loops   []*wire.Loop
	bell    *wire.Bell // rung by workers that have events
	monitor *netlinkmon.Monitor
	tables  *bpf.Tables
	noXDP   error              // why tables is nil
	journal *leftovers.Journal // nil without

	mu       sync.Mutex // guards the three maps and what they point to
	sessions map[uint32]*entry
	ifaces   map[int]*iface
	far      map[int]*far // by VRF; those that have multihop sessions

	ops      chan func()       // run one after the other by the path loop
	steering steering          // the path loop's, as are told, vrfs and closing
	vrfs     map[int]int       // which interfaces are in a VRF: see netlinkmon.Update
	told     map[string]string // why an interface cannot be opened
	closing  bool              // none is opened any more

	stop    context.CancelFunc
	stopped <-chan struct{} // closed by stop
	done    sync.WaitGroup
	fail    chan error
	learned chan struct{} // of some session it has become known; for Settle
}

// New makes a Speaker and starts its workers. Close ends it.
func New(o Options) (_ *Speaker, err error) {
	o = o.withDefaults()
	s := &Speaker{
		o: o, log: o.Logger,
		sessions: make(map[uint32]*entry),
		ifaces:   make(map[int]*iface),
		far:      make(map[int]*far),
		steering: steering{users: make(map[steerKey]user), earlier: make(map[steerKey][]user)},
		told:     make(map[string]string),
		ops:      make(chan func(), 64),
		fail:     make(chan error, o.Workers+1),
		learned:  make(chan struct{}, 1),
	}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	err = o.In(func() error {
		s.openJournal()
		if s.tables, s.noXDP = bpf.NewTables(o.Sessions, o.Lanes); s.noXDP == nil {
			s.steering.tables = s.tables
		}
		s.monitor, err = netlinkmon.New(netlinkmon.Options{Logger: o.Logger})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.steering.lane = s.laneOf
	if s.bell, err = wire.NewBell(); err != nil {
		return nil, err
	}
	if err := s.makeWorkers(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// makeWorkers makes the engine and the loops that are to drive its workers.
func (s *Speaker) makeWorkers() (err error) {
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return fmt.Errorf("read random seed: %w", err)
	}
	o := s.o
	s.engine, err = engine.New(engine.Config{
		Workers: o.Workers, Capacity: o.Capacity, MinInterval: o.MinInterval,
		Sessions:  o.Expected,
		Insurance: o.DeadMan > 0,
		Lanes:     s.lanes(),
		Record:    o.Record,
		Seed:      binary.NativeEndian.Uint64(seed[:]),
		Wake:      func(i int) { s.loops[i].Wake() },
	})
	if err != nil {
		return err
	}
	for i, w := range s.engine.Workers() {
		cpu := -1
		if i < len(o.CPUs) {
			cpu = o.CPUs[i]
		}
		l, err := wire.NewLoop(wire.LoopOptions{
			Worker: w, CPU: cpu, Priority: o.Priority, Adaptive: o.Adaptive, Keep: o.Keep, After: s.ring,
		})
		if err != nil {
			return err
		}
		s.loops = append(s.loops, l)
	}
	return nil
}

// lanes is the memory shared with the XDP programs, nil without.
func (s *Speaker) lanes() *fastpath.Lanes {
	if s.tables == nil || s.tables.Lanes() == nil {
		return nil
	}
	l := s.tables.Lanes()
	l.SetPatience(s.o.DeadMan)
	return l
}

func (s *Speaker) laneOf(discr uint32) int {
	if lane, ok := s.engine.Lane(discr); ok {
		return lane
	}
	return bpf.NoLane
}

// start returns when all workers run, so that privileges which they take may go.
func (s *Speaker) start() error {
	// A worker that waits in the kernel keeps its P for up to a millisecond;
	// the collector and everybody else need theirs. Whatever made Go choose a
	// smaller number (cores, cgroup, environment) did not know of workers.
	if n := s.o.Workers + 2; runtime.GOMAXPROCS(0) < n {
		runtime.GOMAXPROCS(n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.stopped = cancel, ctx.Done()
	for _, l := range s.loops {
		s.done.Go(func() {
			if err := l.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				s.fail <- err
			}
		})
	}
	for _, l := range s.loops {
		select {
		case <-l.Started():
		case err := <-s.fail:
			cancel()
			s.done.Wait()
			return err
		}
	}
	s.done.Go(func() { s.followPaths(ctx) })
	s.done.Go(func() { s.takeEvents(ctx) })
	return nil
}

// Release runs fn, which may stop the world: see wire.LoopOptions.
func (s *Speaker) Release(fn func()) {
	for _, l := range s.loops {
		inner := fn
		fn = func() { l.Release(inner) }
	}
	fn()
}

// Failed delivers the error of a worker that could not go on.
func (s *Speaker) Failed() <-chan error { return s.fail }

// Engine returns the engine, for status and totals.
func (s *Speaker) Engine() *engine.Engine { return s.engine }

// Close detaches from all interfaces and frees everything. Sessions just stop:
// whoever wants the peers to be told removes them first (see Remove).
func (s *Speaker) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.onPathLoop(ctx, func() error { return s.closeInterfaces(ctx) })
	s.stop()
	s.bell.Ring() // for takeEvents to see it
	s.done.Wait()
	return errors.Join(err, s.release())
}

func (s *Speaker) release() error {
	var errs []error
	if s.monitor != nil {
		errs = append(errs, s.monitor.Close())
	}
	if s.tables != nil {
		errs = append(errs, s.tables.Close())
	}
	if s.bell != nil {
		errs = append(errs, s.bell.Close())
	}
	return errors.Join(append(errs, s.closeJournal())...)
}
