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

	sleeps, spins, caught atomic.Uint64 // as in Waits

	woken  atomic.Bool // wake was called since the last pass began
	asleep atomic.Bool // the thread is, or is about to be, in ppoll

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
	}
}

// sleep gives the processor away until a deadline that has not passed.
func (w *waiter) sleep(now, deadline session.Time) {
	w.sleeps.Add(1)
	if deadline != session.Never && deadline-now < sleepBelow {
		sleepUntil(deadline)
		return
	}
	w.poll(now, deadline)
}

// sleepUntil blocks the thread until an instant of CLOCK_MONOTONIC. Raw: the
// runtime is not told, so it does not give the processor to another thread and
// fetch it back, which doubles the cost of a short sleep. A signal ends it
// early, and the loop sleeps again.
func sleepUntil(t session.Time) {
	ts := unix.NsecToTimespec(int64(t))
	_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

func (w *waiter) poll(now, deadline session.Time) {
	w.asleep.Store(true)
	defer w.asleep.Store(false)
	if w.woken.Load() {
		return
	}
	var timeout *unix.Timespec
	if deadline != session.Never {
		ts := unix.NsecToTimespec(int64(deadline - now))
		timeout = &ts
	}
	// Not raw: the wait may be long, and the collector must not wait for it.
	n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&w.polled[0])), uintptr(len(w.polled)),
		uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	if errno == 0 && n > 0 {
		w.answered()
	}
}

// mutedAfter is how often in a row a descriptor may answer with an error alone
// before it is left out: a socket whose interface is gone would keep the loop
// spinning until it is taken away. Its data are still read on every pass.
const mutedAfter = 16

func (w *waiter) answered() {
	if w.polled[0].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(w.event, count[:])
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
