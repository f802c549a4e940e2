package wire

import (
	"fmt"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
)

// A keeper keeps a real-time worker from waiting for threads of normal priority.
//
// The runtime takes a goroutine that has run for 10 ms off its thread, and to it a
// worker always runs, because its sleeps are raw. The goroutine comes back when
// another thread of the process hands it a processor. Under a real-time hog these
// do not run for a second or more, and so long the worker stood still, whatever its
// own priority. So it is kept, as sync.Pool keeps a goroutine for the time of some
// instructions: the runtime then leaves it where it is.
//
// What is kept must not wait for anything but the kernel, no lock and no channel,
// or the runtime ends the process. Nor can the world be stopped around it, or its
// stack be looked at. Whoever wants that, as the collector does, says so by
// Loop.Release. For all others the worker makes a system call that the runtime
// knows of every 10 ms (see breather), and sleeps in one every offerEvery.
type keeper struct {
	on      bool // the worker is to be kept
	kept    bool
	offered session.Time // when it last slept so
}

// offerEvery bounds how long a collection that was not announced may take longer.
const offerEvery = session.Time(session.Second)

//go:linkname procPin runtime.procPin
//go:nosplit
func procPin() int

//go:linkname procUnpin runtime.procUnpin
//go:nosplit
func procUnpin()

// letGo ends it.
func (k *keeper) letGo() {
	k.kept = false
	procUnpin()
}

// Release runs fn, which may stop the world: meanwhile the worker is not kept (see
// LoopOptions). Any goroutine may call it, at any time.
func (l *Loop) Release(fn func()) {
	l.waiter.free.Add(1)
	defer l.waiter.free.Add(-1)
	l.Wake()
	fn()
}

// blockPreemption keeps from the thread the signal by which the runtime tells a
// goroutine to stop: it would only end the sleeps of a kept one early.
func blockPreemption() error {
	var set unix.Sigset_t
	set.Val[0] = 1 << (unix.SIGURG - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return fmt.Errorf("block SIGURG: %w", err)
	}
	return nil
}
