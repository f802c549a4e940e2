package leftovers

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errLocked is what takeLock returns when another process, or another part of
// this one, holds the lock and it is not to wait.
var errLocked = errors.New("locked")

// takeLock creates a lock file if need be and locks it. The kernel lets go of the
// lock when the file is closed, so when the process dies at the latest.
func takeLock(path string, wait bool) (*os.File, error) {
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("lock journal: %w", err)
		}
		err = ignoringEINTR(func() error { return unix.Flock(int(f.Fd()), how) })
		if err == nil && isAt(f, path) {
			return f, nil
		}
		f.Close()
		switch {
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, errLocked
		case err != nil:
			return nil, fmt.Errorf("lock journal %s: %w", path, err)
		}
		// Somebody removed the file after it was opened: this lock would be nobody's.
	}
}

// sweepPatience is how long a sweep waits for another one.
const sweepPatience = 5 * time.Second

// alone waits until nobody else sweeps the directory, and keeps others waiting until
// the function it returns is called: a journal that a sweep has locked would else look
// as if its owner lived. A sweep that does not end is not waited for.
func alone(dir string) (done func()) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {} // there are no journals
	}
	for deadline := time.Now().Add(sweepPatience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			break
		}
	}
	return func() { f.Close() }
}

// isAt reports whether an open file is the one that has this path.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(open, named)
}

func ignoringEINTR(fn func() error) (err error) {
	for err = fn(); errors.Is(err, unix.EINTR); err = fn() {
	}
	return err
}
