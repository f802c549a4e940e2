package wire

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
)

// Now is CLOCK_MONOTONIC to a microsecond. A reading is judged only when the
// kernel's own two around it lie close: the thread may lose the core between.
func TestNow(t *testing.T) {
	judged := 0
	for range 100000 {
		before := monotonic(t)
		now := Now()
		after := monotonic(t)
		if after-before > session.Time(2*session.Microsecond) {
			continue
		}
		judged++
		if slack := session.Time(session.Microsecond); now < before-slack || now > after+slack {
			t.Fatalf("now %d, the kernel says %d to %d", now, before, after)
		}
		if judged == 1000 {
			return
		}
	}
	t.Fatalf("only %d readings could be judged", judged)
}

func monotonic(t testing.TB) session.Time {
	t.Helper()
	var ts unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return session.Time(ts.Nano())
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}
