package wire

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
)

// sleepBelow is the wait under which a worker sleeps to its deadline instead of
// polling its sockets: what arrives meanwhile waits for less than that, and the
// sleep costs half of what a poll does.
const sleepBelow = session.Time(session.Millisecond)

// waiter puts a worker's thread to sleep until a deadline, a packet or a call
// of wake. The loop owns everything but wake.
type waiter struct {
	polled []unix.PollFd // the first is the eventfd
	errors []uint8       // consecutive waits that a descriptor answered by an error only
	spin   spinner       // of adaptive waiting
	until  unix.Timespec // for system calls, which must not be given an address of the stack
	keeper keeper

	sleeps, spins, caught atomic.Uint64 // as in Waits

	woken  atomic.Bool  // wake was called since the last pass began
	asleep atomic.Bool  // the thread is, or is about to be, in ppoll
	free   atomic.Int32 // how many want to stop the world

	mu    sync.Mutex // guards event against close
	event int        // eventfd, -1 after close
}

func newWaiter() (*waiter, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open eventfd: %w", err)
	}
	w := &waiter{event: event}
	w.watch(nil)
	return w, nil
}

// watch replaces the descriptors that end a wait when something arrives.
func (w *waiter) watch(fds []int) {
	w.polled = append(w.polled[:0], unix.PollFd{Fd: int32(w.event), Events: unix.POLLIN})
	for _, fd := range fds {
		w.polled = append(w.polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	w.errors = append(w.errors[:0], make([]uint8, len(w.polled))...)
}

// wake ends the present wait, or the next one if none is on. It costs a system
// call only when the thread sleeps in poll; a sleep is over within sleepBelow.
//
// No call is lost: it sets woken and then looks at asleep, and poll sets asleep and
// then looks at woken. Go's atomics have one order for all, on arm64 too, so one of
// the two sees what the other has set. Acquire and release would not do: both could
// look before either store was seen.
func (w *waiter) wake() {
	w.woken.Store(true)
	if !w.asleep.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.event >= 0 {
		one := [8]byte{1}
		_, _ = unix.Write(w.event, one[:]) // full means awake already
	}
}

func (w *waiter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := unix.Close(w.event)
	w.event = -1
	return err
}

// wait returns at the deadline, or earlier. The caller clears woken before it
// looks at what wakers have left for it, and then waits.
func (w *waiter) wait(deadline session.Time) {
	now := Now()
	if !w.woken.Load() && deadline > now {
		w.sleep(now, deadline)
	} else if w.keeper.kept && !w.stays(now) {
		w.keeper.letGo()
	}
}

// sleep gives the processor away until a deadline that has not passed.
func (w *waiter) sleep(now, deadline session.Time) {
	w.sleeps.Add(1)
	if deadline != session.Never && deadline-now < sleepBelow {
		w.nap(now, deadline)
		return
	}
	w.poll(now, deadline)
}

// nap blocks the thread until an instant of CLOCK_MONOTONIC. Raw as a rule: the
// runtime is not told, so it does not give the processor to another thread and
// fetch it back, which doubles the cost of a short sleep. A signal ends it early,
// and the loop sleeps again.
func (w *waiter) nap(now, until session.Time) {
	w.until = unix.NsecToTimespec(int64(until))
	at := uintptr(unsafe.Pointer(&w.until))
	if !w.keeper.on || w.stays(now) {
		_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, at, 0, 0, 0)
		return
	}
	w.keeper.offered = now
	w.offer(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, at, 0)
}

func (w *waiter) poll(now, deadline session.Time) {
	w.asleep.Store(true)
	defer w.asleep.Store(false)
	if w.woken.Load() {
		return
	}
	// The wait may be long, and the collector must not wait for it: it is not raw,
	// or no longer than the next offer is away.
	raw := w.stays(now)
	if raw {
		deadline = min(deadline, w.keeper.offered+offerEvery)
	}
	var timeout uintptr
	if deadline != session.Never {
		w.until = unix.NsecToTimespec(int64(deadline - now))
		timeout = uintptr(unsafe.Pointer(&w.until))
	}
	fds, count := uintptr(unsafe.Pointer(&w.polled[0])), uintptr(len(w.polled))
	var n uintptr
	var errno unix.Errno
	if raw {
		n, _, errno = unix.RawSyscall6(unix.SYS_PPOLL, fds, count, timeout, 0, 0, 0)
	} else {
		w.keeper.offered = now
		n, errno = w.offer(unix.SYS_PPOLL, fds, count, timeout, 0)
	}
	if errno == 0 && n > 0 {
		w.answered()
	}
}

// stays reports whether the worker may go on being kept through its next wait.
func (w *waiter) stays(now session.Time) bool {
	return w.keeper.kept && now-w.keeper.offered < offerEvery && w.free.Load() == 0
}

// offer makes a system call of which the runtime is told, so that it can do in it
// what it has to; afterwards the worker is kept, unless somebody wants it free.
func (w *waiter) offer(trap, a1, a2, a3, a4 uintptr) (n uintptr, errno unix.Errno) {
	keep := w.keeper.on && w.free.Load() == 0
	// Between letting go and keeping again there must be no call of an ordinary
	// function: entering one is where the runtime takes a goroutine off.
	if w.keeper.kept {
		procUnpin()
	}
	n, _, errno = unix.Syscall6(trap, a1, a2, a3, a4, 0, 0)
	if keep {
		procPin()
	}
	w.keeper.kept = keep
	return n, errno
}

// mutedAfter is how often in a row a descriptor may answer with an error alone
// before it is left out: a socket whose interface is gone would keep the loop
// spinning until it is taken away. Its data are still read on every pass.
const mutedAfter = 16

func (w *waiter) answered() {
	if w.polled[0].Revents != 0 {
		var count uint64
		_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(w.event), uintptr(unsafe.Pointer(&count)), unsafe.Sizeof(count))
	}
	for i := range w.polled {
		p := &w.polled[i]
		switch {
		case p.Revents&unix.POLLIN != 0:
			w.errors[i] = 0
		case p.Revents != 0:
			if w.errors[i]++; w.errors[i] == mutedAfter {
				p.Fd = -1
			}
		}
	}
}

// timerSlack asks the kernel to end this thread's sleeps on time; it may round
// them up by 50 us otherwise.
func timerSlack(slack time.Duration) error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	return nil
}
