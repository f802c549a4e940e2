package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// soakOptions are those of the idle counter.
type soakOptions struct {
	For time.Duration `json:"for"`
}

// soaked is what the idle counter found, in nanoseconds.
type soaked struct {
	Wall int64 `json:"wall"`
	Ran  int64 `json:"ran"`  // processor time that the kernel charged to it
	Lost int64 `json:"lost"` // of that, what interrupts and softirqs took
}

// interrupted is a step between two looks at the clock that something else must
// have taken; the loop itself takes some 40 ns.
const interrupted = 400 * time.Nanosecond

// runSoak counts at idle priority: it gets what nobody else wants of its core.
// The kernel charges it for the interrupts that it suffers, the counter knows
// better, and the difference is softirq and interrupt time. Reading the clock
// instead of counting turns keeps a change of the core's speed out.
func runSoak(o soakOptions, out io.Writer) error {
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	if err := setPolicy(0, unix.SCHED_IDLE, 0); err != nil {
		return err
	}
	start, cpu, err := time.Now(), int64(0), error(nil)
	if cpu, err = threadTime(); err != nil {
		return err
	}
	var counted, last time.Duration
	for last < o.For {
		t := time.Since(start)
		if step := t - last; step < interrupted {
			counted += step
		}
		last = t
	}
	end, err := threadTime()
	if err != nil {
		return err
	}
	ran := end - cpu
	return json.NewEncoder(out).Encode(soaked{Wall: int64(last), Ran: ran, Lost: max(ran-int64(counted), 0)})
}

// threadTime is the processor time of the calling thread in nanoseconds.
func threadTime() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return ts.Nano(), nil
}

// ownTime is threadTime for a loop that cannot fail and must not be put off.
func ownTime() int64 {
	var ts unix.Timespec
	_, _, _ = unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
