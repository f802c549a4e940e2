package wire

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bell wakes a goroutine from a worker's thread. A channel could, but what it makes
// runnable stands in the queue of the worker's own processor, which the worker, whose
// sleeps the runtime knows nothing of, does not let go of: another thread has to be
// woken, look for work and wait before it may take it away. Who waits in the kernel is
// on its way as soon as the worker sleeps.
type Bell struct{ event int }

// NewBell returns a Bell that nobody has rung.
func NewBell() (*Bell, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open eventfd: %w", err)
	}
	return &Bell{event}, nil
}

// Ring ends the present Wait, or the next one if none is on. It never waits: the
// counter would have to be full, which takes 2^64 rings.
func (b *Bell) Ring() {
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(b.event), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

// Wait returns once the bell was rung since the last call.
func (b *Bell) Wait() error {
	var count [8]byte
	for {
		_, err := unix.Read(b.event, count[:])
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Close frees the bell. Nobody may wait or ring any more.
func (b *Bell) Close() error { return unix.Close(b.event) }
