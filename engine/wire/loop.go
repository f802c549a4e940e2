package wire

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// Stepper is what a Loop drives: an *engine.Worker, or a test's stand-in.
type Stepper interface {
	// Step does what there is to do at now and returns when it wants to be
	// called again, session.Never if only for packets and wakes.
	Step(now session.Time) (next session.Time)
	// Ports returns the Ports it receives from and a number that changes with
	// them. It is called by the goroutine that calls Step, after Step.
	Ports() ([]engine.Port, uint64)
}

var _ Stepper = (*engine.Worker)(nil)

// LoopOptions says how to drive a worker.
type LoopOptions struct {
	CPU      int // the core to run on, or -1 for any
	Priority int // under SCHED_FIFO, 1 to MaxPriority; 0 for normal scheduling
	// Adaptive has the worker look at its rings for a moment before it sleeps,
	// while packets are dense or a deadline is near. Not with Priority.
	Adaptive bool
	// Keep has a worker under SCHED_FIFO never wait for threads of normal priority,
	// as the Go runtime else makes it do. Then Step must not wait for a lock or a
	// channel, and whoever runs the collector, or stops the world in another way,
	// does so in Release: without that everything else stands still for a second.
	Keep   bool
	Worker Stepper
	After  func() // called after each Step, if not nil; it must not wait either
}

// Loop drives one worker on a thread of its own.
type Loop struct {
	cpu      int
	priority int
	adaptive bool
	worker   Stepper
	after    func()
	waiter   *waiter
	breather breather
	started  chan struct{}
	stopped  atomic.Bool

	fds        []int
	queues     []*queue
	generation uint64
	known      bool // generation is one that was seen
}

// NewLoop makes a loop that Run starts. A Loop that is never run leaves a
// descriptor open.
func NewLoop(o LoopOptions) (*Loop, error) {
	if o.CPU < -1 || o.CPU >= maxCPUs {
		return nil, fmt.Errorf("pin worker: no core %d", o.CPU)
	}
	if o.Priority < 0 || o.Priority > MaxPriority {
		return nil, fmt.Errorf("run worker under SCHED_FIFO: priority %d is not 1 to %d", o.Priority, MaxPriority)
	}
	if o.Adaptive && o.Priority > 0 {
		return nil, errors.New("wait adaptively under SCHED_FIFO: a worker that does not sleep would have its core for itself: use one of the two")
	}
	w, err := newWaiter()
	if err != nil {
		return nil, err
	}
	w.keeper.on = o.Keep && o.Priority > 0
	return &Loop{cpu: o.CPU, priority: o.Priority, adaptive: o.Adaptive, worker: o.Worker, after: o.After, waiter: w, started: make(chan struct{})}, nil
}

// maxCPUs is what a unix.CPUSet holds.
const maxCPUs = 1024

// Wake makes the worker step soon: at once when it waits for packets, within a
// millisecond when it sleeps towards a near deadline. Any goroutine may call
// it, at any time.
func (l *Loop) Wake() { l.waiter.wake() }

// Started returns a channel that is closed once the thread is as LoopOptions has
// it, which may have taken privileges. It stays open when Run returns an error.
func (l *Loop) Started() <-chan struct{} { return l.started }

// Run drives the worker until ctx ends and then returns nil. The error is that
// the thread cannot be pinned or have its priority; the worker has then not run.
// Call it once.
func (l *Loop) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		l.stopped.Store(true)
		l.Wake()
	})()
	done := make(chan error)
	go func() { done <- l.run() }()
	return errors.Join(<-done, l.waiter.close())
}

// run never unlocks the thread: it has been made unfit for other goroutines,
// and ends with this one.
func (l *Loop) run() error {
	runtime.LockOSThread()
	if err := timerSlack(time.Nanosecond); err != nil {
		return err
	}
	if l.cpu >= 0 {
		var set unix.CPUSet
		set.Set(l.cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("pin worker to core %d: %w", l.cpu, err)
		}
	}
	if l.priority > 0 {
		if err := setPriority(l.priority); err != nil {
			return err
		}
	}
	if l.waiter.keeper.on {
		if err := blockPreemption(); err != nil {
			return err
		}
	}
	close(l.started)
	for {
		l.waiter.woken.Store(false) // before looking at what the waker has done
		if l.stopped.Load() {
			if l.waiter.keeper.kept {
				l.waiter.keeper.letGo()
			}
			return nil
		}
		if next := l.pass(); l.adaptive {
			l.waiter.waitAdaptive(next)
		} else {
			l.waiter.wait(next)
		}
		if l.priority > 0 {
			l.breather.breathe(Now(), l.waiter)
		}
	}
}

// pass is one turn of the loop. It must stay a call: entering a function is
// where the runtime can stop this goroutine for the collector, and the raw
// sleep offers no such place.
//
//go:noinline
func (l *Loop) pass() (next session.Time) {
	next = l.worker.Step(Now())
	if l.after != nil {
		l.after()
	}
	if ports, generation := l.worker.Ports(); generation != l.generation || !l.known {
		l.generation, l.known = generation, true
		l.watch(ports)
	}
	return next
}

// watch collects what to wait on from the Ports that are this package's.
func (l *Loop) watch(ports []engine.Port) {
	l.fds, l.queues = l.fds[:0], l.queues[:0]
	for _, p := range ports {
		if p, ok := p.(interface{ descriptors() []int }); ok {
			l.fds = append(l.fds, p.descriptors()...)
		}
		if p, ok := p.(*port); ok {
			l.queues = append(l.queues, p.queues...)
		}
	}
	l.waiter.watch(l.fds)
	l.waiter.spin.reset(l.queues)
}
