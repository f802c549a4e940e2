package daemon

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchdog: the supervisor hears of life well within its time, and of none
// while a worker does not answer.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		var stuck atomic.Bool
		s := Supervisor{Watchdog: 9 * time.Second, Tell: func(p Phase) {
			if p != Alive {
				t.Errorf("told %v", p)
			}
			told.Add(1)
		}}
		ctx, cancel := context.WithCancel(t.Context())
		go s.watch(ctx, func(ctx context.Context) error {
			if stuck.Load() {
				<-ctx.Done()
			}
			return ctx.Err()
		})
		after := func(d time.Duration) int64 {
			before := told.Load()
			time.Sleep(d)
			synctest.Wait()
			return told.Load() - before
		}
		if n := after(9 * time.Second); n < 2 || n > 4 {
			t.Errorf("%d times in 9 s", n)
		}
		stuck.Store(true)
		if n := after(30 * time.Second); n != 0 {
			t.Errorf("%d times while a worker is stuck", n)
		}
		stuck.Store(false)
		if n := after(9 * time.Second); n < 2 {
			t.Errorf("%d times after it", n)
		}
		cancel()
		if n := after(30 * time.Second); n != 0 {
			t.Errorf("%d times after the end", n)
		}
		Supervisor{Watchdog: time.Second}.watch(t.Context(), nil) // wants to know nothing
	})
}
