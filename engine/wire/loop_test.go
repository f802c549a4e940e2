package wire

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// stepper is a worker made of functions.
type stepper struct {
	step       func(now session.Time) session.Time
	ports      []engine.Port
	generation atomic.Uint64
}

func (s *stepper) Step(now session.Time) session.Time { return s.step(now) }

func (s *stepper) Ports() ([]engine.Port, uint64) { return s.ports, s.generation.Load() }

// start runs a loop until the test ends.
func start(t testing.TB, s *stepper, cpu int) *Loop {
	t.Helper()
	return run(t, LoopOptions{CPU: cpu, Worker: s})
}

func run(t testing.TB, o LoopOptions) *Loop {
	t.Helper()
	l, err := NewLoop(o)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			must(t, err)
		case <-time.After(5 * time.Second):
			t.Error("the loop does not end")
		}
	})
	return l
}

// Deadlines far and near are kept: never early, and not late by more than a
// busy test machine explains.
func TestLoopDeadlines(t *testing.T) {
	testnet.NoLeaks(t)
	for _, tt := range []struct {
		name string
		wait time.Duration
		n    int
	}{
		{"sleep", 200 * time.Microsecond, 500},
		{"poll", 3 * time.Millisecond, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			late := make(chan session.Time, tt.n)
			deadline := session.Time(0)
			s := &stepper{step: func(now session.Time) session.Time {
				if deadline != 0 && now < deadline {
					return deadline // woken early by a signal
				}
				if deadline != 0 && len(late) < cap(late) {
					late <- now - deadline
				}
				deadline = now + session.Time(tt.wait)
				return deadline
			}}
			start(t, s, -1)
			// Other programs may keep both cores for a while: then once more.
			soon := 0
			for giveUp := time.Now().Add(20 * time.Second); soon < tt.n/2; {
				if time.Now().After(giveUp) {
					t.Fatalf("only %d of %d deadlines were kept to 0.5 ms", soon, tt.n)
				}
				soon = 0
				for range tt.n {
					if l := <-late; l < session.Time(500*session.Microsecond) {
						soon++
					}
				}
			}
		})
	}
}

// A loop that waits for ever steps for a wake, and for each one after that.
func TestLoopWake(t *testing.T) {
	testnet.NoLeaks(t)
	var posted, seen atomic.Int64
	s := &stepper{step: func(session.Time) session.Time {
		seen.Store(posted.Load())
		return session.Never
	}}
	l := start(t, s, -1)
	for i := range int64(2000) {
		posted.Store(i + 1)
		l.Wake()
		if i%3 == 0 {
			continue // some wakes fall together
		}
		for deadline := time.Now().Add(5 * time.Second); seen.Load() != i+1; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("wake %d was lost", i)
			}
		}
	}
}

// Wakes are harmless before, while and after the loop runs.
func TestLoopWakeAfterEnd(t *testing.T) {
	testnet.NoLeaks(t)
	l, err := NewLoop(LoopOptions{CPU: -1, Worker: &stepper{step: func(session.Time) session.Time { return session.Never }}})
	must(t, err)
	l.Wake()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	must(t, l.Run(ctx))
	l.Wake()
}

// A packet ends the wait, on whichever socket it arrives, also on one that was
// attached while the loop ran.
func TestLoopPackets(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	var received atomic.Int64
	batch := make([]engine.Rx, 64)
	s := new(stepper)
	s.step = func(session.Time) session.Time {
		for _, p := range s.ports {
			received.Add(int64(p.Receive(batch)))
		}
		if s.ports == nil { // as the mailbox would
			s.ports = []engine.Port{b.Port(0)}
			s.generation.Add(1)
		}
		return session.Never
	}
	start(t, s, -1)
	for i := range int64(100) {
		if send(a.Port(0), r.a.template(int(i%2)), i%3 != 0, 1, 1) != 0 {
			t.Fatal("send failed")
		}
		testnet.Eventually(t, 5*time.Second, "the packet is received", func() bool { return received.Load() == i+1 })
	}
}

// A descriptor that answers every wait with an error does not make the loop
// spin.
func TestLoopMutesErrors(t *testing.T) {
	var pipe [2]int
	must(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	must(t, unix.Close(pipe[1]))
	defer unix.Close(pipe[0])
	var steps atomic.Int64
	s := &stepper{
		step:  func(session.Time) session.Time { steps.Add(1); return session.Never },
		ports: []engine.Port{&port{receiver: receiver{fds: []int{pipe[0]}}}},
	}
	l := start(t, s, -1)
	time.Sleep(50 * time.Millisecond)
	if n := steps.Load(); n > 2*mutedAfter {
		t.Errorf("%d steps for a descriptor that only tells of an error", n)
	}
	before := steps.Load()
	l.Wake()
	testnet.Eventually(t, 5*time.Second, "the loop still wakes", func() bool { return steps.Load() > before })
}

// The thread is pinned and its timers are exact.
func TestLoopThread(t *testing.T) {
	type thread struct {
		cpus  int
		on    bool
		slack int
	}
	cpu := firstCPU(t)
	seen := make(chan thread, 1)
	s := &stepper{step: func(session.Time) session.Time {
		var set unix.CPUSet
		_ = unix.SchedGetaffinity(0, &set)
		slack, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		select {
		case seen <- thread{set.Count(), set.IsSet(cpu), slack}:
		default:
		}
		return session.Never
	}}
	start(t, s, cpu)
	if got, want := <-seen, (thread{1, true, 1}); got != want {
		t.Errorf("thread %+v, want %+v", got, want)
	}
}

func firstCPU(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &set))
	for cpu := range maxCPUs {
		if set.IsSet(cpu) {
			return cpu
		}
	}
	t.Fatal("no core to run on")
	return 0
}

func TestLoopBadCPU(t *testing.T) {
	testnet.NoLeaks(t)
	if _, err := NewLoop(LoopOptions{CPU: maxCPUs}); err == nil {
		t.Error("an impossible core was accepted")
	}
	s := &stepper{step: func(session.Time) session.Time { t.Error("stepped on the wrong core"); return session.Never }}
	l, err := NewLoop(LoopOptions{CPU: maxCPUs - 1, Worker: s})
	must(t, err)
	if err := l.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "core 1023") {
		t.Errorf("error %v", err)
	}
}

// Loops that do nothing but short raw sleeps do not keep the collector from
// stopping the world. Each holds a P of the runtime, so there must be more.
func TestLoopLetsCollectorRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var steps atomic.Int64
	for range 2 {
		start(t, &stepper{step: func(now session.Time) session.Time {
			steps.Add(1)
			return now + session.Time(100*session.Microsecond)
		}}, -1)
	}
	const collections = 100
	done := make(chan time.Duration)
	go func() {
		began := time.Now()
		for range collections {
			runtime.GC()
		}
		done <- time.Since(began)
	}()
	select {
	case took := <-done:
		t.Logf("%d collections in %v, %d steps", collections, took, steps.Load())
	case <-time.After(5 * time.Second):
		t.Fatal("the collector waits for the loop")
	}
	if steps.Load() < collections {
		t.Errorf("only %d steps", steps.Load())
	}
}
