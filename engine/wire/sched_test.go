package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/testnet"
)

// requireFIFO skips the test where no thread may be real-time.
func requireFIFO(t *testing.T) {
	t.Helper()
	tried := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the attempt
		tried <- setPriority(1)
	}()
	err := <-tried
	testnet.Require(t, err == nil, fmt.Sprintf("needs SCHED_FIFO: %v", err))
}

// startFIFO runs a worker at a real-time priority until the test ends, and
// returns its thread.
func startFIFO(t *testing.T, step func(now session.Time) session.Time) (l *Loop, thread int) {
	t.Helper()
	requireFIFO(t)
	seen := make(chan int, 1)
	told := false // the thread's own
	s := &stepper{step: func(now session.Time) session.Time {
		if !told {
			told = true
			seen <- unix.Gettid()
		}
		return step(now)
	}}
	l = run(t, LoopOptions{CPU: -1, Priority: 1, Worker: s})
	return l, <-seen
}

// busy returns for how long a thread has run in the time that d takes.
func busy(t *testing.T, thread int, d time.Duration) time.Duration {
	t.Helper()
	read := func() (ns time.Duration) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", thread))
		must(t, err)
		_, err = fmt.Sscan(string(text), (*int64)(&ns))
		must(t, err)
		return ns
	}
	before := read()
	time.Sleep(d)
	return read() - before
}

// A worker of real-time priority that has nothing to do sleeps, whatever it
// waits for. What interrupts take on a busy core counts as its own, so the bounds
// are halves of what a spinning one would use.
func TestFIFOSleeps(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait session.Time // 0: for ever
		most time.Duration
	}{
		{"for packets", 0, time.Millisecond},
		{"by poll", session.Time(2 * session.Millisecond), 60 * time.Millisecond},
		{"by sleep", session.Time(500 * session.Microsecond), 100 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testnet.NoLeaks(t)
			var steps atomic.Int64
			_, thread := startFIFO(t, func(now session.Time) session.Time {
				steps.Add(1)
				if tt.wait == 0 {
					return session.Never
				}
				return now + tt.wait
			})
			steps.Store(0)
			const span = 200 * time.Millisecond
			used := busy(t, thread, span)
			t.Logf("%v of processor time in %v, %d steps", used, span, steps.Load())
			if used > tt.most {
				t.Errorf("%v of processor time in %v", used, span)
			}
			if n := steps.Load(); tt.wait != 0 && n < 10 {
				t.Errorf("only %d steps", n)
			}
		})
	}
}

// A worker of real-time priority whose work does not end leaves the rest of the
// host a part of its core.
func TestFIFOBreathes(t *testing.T) {
	testnet.NoLeaks(t)
	_, thread := startFIFO(t, func(now session.Time) session.Time { return now })
	const span = 200 * time.Millisecond
	began := time.Now()
	used := busy(t, thread, span)
	took := time.Since(began)
	t.Logf("%v of processor time in %v", used, took)
	if used > took*96/100 {
		t.Errorf("%v of processor time in %v", used, took)
	}
}

// The thread has the priority from the moment that the loop says it has started,
// and what it starts is ordinary.
func TestFIFOThread(t *testing.T) {
	l, thread := startFIFO(t, func(session.Time) session.Time { return session.Never })
	<-l.Started()
	attr, err := unix.SchedGetAttr(thread, 0)
	must(t, err)
	if attr.Policy != unix.SCHED_FIFO || attr.Priority != 1 || attr.Flags&unix.SCHED_FLAG_RESET_ON_FORK == 0 {
		t.Errorf("thread %+v", attr)
	}
}

func TestFIFORefused(t *testing.T) {
	testnet.NoLeaks(t)
	for _, priority := range []int{-1, MaxPriority + 1} {
		if _, err := NewLoop(LoopOptions{CPU: -1, Priority: priority}); err == nil {
			t.Errorf("priority %d was accepted", priority)
		}
	}
	testnet.RequireRoot(t)
	// Another thread may go without the capability, and ends with the test.
	refused := make(chan error)
	go func() { refused <- withoutNice(func() error { return setPriority(7) }) }()
	err := <-refused
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_SYS_NICE") || !strings.Contains(err.Error(), "priority 7") {
		t.Errorf("error %v", err)
	}
	s := &stepper{step: func(session.Time) session.Time { t.Error("stepped all the same"); return session.Never }}
	l, err := NewLoop(LoopOptions{CPU: maxCPUs - 1, Worker: s})
	must(t, err)
	if err := l.Run(context.Background()); err == nil {
		t.Error("no error")
	}
	select {
	case <-l.Started():
		t.Error("a loop that could not start says that it has")
	default:
	}
}

// withoutNice runs fn on a thread that has lost CAP_SYS_NICE and ends with the
// calling goroutine.
func withoutNice(fn func() error) error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return err
	}
	caps[0].Effective &^= 1 << unix.CAP_SYS_NICE
	if err := unix.Capset(&header, &caps[0]); err != nil {
		return err
	}
	return fn()
}
