package wire

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
)

// MaxPriority is the highest real-time priority of Linux; 1 is the lowest.
const MaxPriority = 99

// setPriority puts the calling thread under SCHED_FIFO: until it sleeps, only a
// higher priority takes its core. Threads and processes that it starts are
// ordinary ones.
func setPriority(priority int) error {
	attr := unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(priority),
		Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}
	return refused(unix.SchedSetAttr(0, &attr, 0), priority)
}

// refused says what to do about an error of setting a priority.
func refused(err error, priority int) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("run worker under SCHED_FIFO at priority %d: %w: it needs CAP_SYS_NICE or a limit "+
			"on real-time priority (ulimit -r, LimitRTPRIO=) of %d, and on a kernel with CONFIG_RT_GROUP_SCHED a share of real time "+
			"for its control group (cpu.rt_runtime_us); or set scheduling: normal", priority, err, priority)
	}
	return fmt.Errorf("run worker under SCHED_FIFO at priority %d: %w", priority, err)
}

// A breather keeps a worker whose work does not end, as in a flood, from having
// its core for itself: ordinary threads there, the kernel's among them, would not
// run at all, and the kernel's own answer to that is to stop all real-time
// threads of the core for 50 ms (sched_rt_runtime_us).
type breather struct {
	wall, cpu session.Time // of the thread, at the last look
}

// After breatheEvery of nothing but work a breath is taken: together less than
// the 95 % that the kernel allows.
const (
	breatheEvery = session.Time(10 * session.Millisecond)
	breath       = session.Time(600 * session.Microsecond)
)

// breathe sleeps if the thread has not for a while. It belongs to the thread.
func (b *breather) breathe(now session.Time, w *waiter) {
	if now-b.wall < breatheEvery {
		return
	}
	// The runtime is told of this call: here it can stop the world (see keeper).
	w.offer(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&w.until)), 0, 0)
	cpu := session.Time(w.until.Nano())
	if cpu-b.cpu > now-b.wall-breath {
		for end := now + breath; now < end; now = Now() {
			w.sleep(now, end) // signals end it early: the runtime's, for a goroutine that runs for so long
		}
	}
	b.wall, b.cpu = now, cpu
}
