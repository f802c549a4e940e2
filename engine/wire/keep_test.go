package wire

import (
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

// startKept runs a kept worker that asks to be called again after wait, at once
// for 0, until the test ends, and returns its thread.
func startKept(t *testing.T, wait session.Time) (l *Loop, thread int) {
	t.Helper()
	requireFIFO(t)
	var tid, steps atomic.Int64
	s := &stepper{step: func(now session.Time) session.Time {
		tid.Store(int64(unix.Gettid()))
		steps.Add(1)
		return now + wait
	}}
	l = run(t, LoopOptions{CPU: -1, Priority: 1, Keep: true, Worker: s})
	for steps.Load() < 10 {
		l.Wake()
		time.Sleep(time.Millisecond)
	}
	return l, int(tid.Load())
}

// waitsOf returns how often a thread has given its core away by itself.
func waitsOf(t *testing.T, thread int) (n uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", thread))
	must(t, err)
	_, after, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
	_, err = fmt.Sscan(after, &n)
	must(t, err)
	return n
}

// The only thing that a kept worker waits for are its own sleeps. One that is not
// waits besides, each 10 ms, for another thread to hand it a processor.
func TestKeptWaitsForNobody(t *testing.T) {
	testnet.NoLeaks(t)
	l, thread := startKept(t, session.Time(300*session.Microsecond))
	sleeps, waits := l.Waits().Sleeps, waitsOf(t, thread)
	time.Sleep(400 * time.Millisecond)
	waits, sleeps = waitsOf(t, thread)-waits, l.Waits().Sleeps-sleeps
	t.Logf("%d waits, %d sleeps", waits, sleeps)
	if waits > sleeps+5 { // an offer may meet the runtime at work
		t.Errorf("the worker slept %d times and waited %d times", sleeps, waits)
	}
}

// Around a kept worker the world stops: soon where that is announced, after
// offerEvery where it is not, and whatever the worker does.
func TestKeptLetsTheWorldStop(t *testing.T) {
	testnet.NoLeaks(t)
	for _, tt := range []struct {
		name string
		wait session.Time
	}{
		{"naps", session.Time(300 * session.Microsecond)},
		{"polls", session.Time(2 * session.Millisecond)},
		{"for ever", session.Never / 2},
		{"works", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := startKept(t, tt.wait)
			began := time.Now()
			for range 3 {
				l.Release(runtime.GC)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("three collections took %v", took)
			}
			time.Sleep(20 * time.Millisecond) // until it is kept again
			began = time.Now()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			took := time.Since(began)
			t.Logf("unannounced: %v", took)
			if took > 3*time.Second {
				t.Errorf("the world stopped after %v", took)
			}
		})
	}
}
