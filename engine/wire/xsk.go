package wire

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// busyPatience is how long a queue may stay taken after its last socket was
// closed: the kernel gives it back a few tens of milliseconds later, or some
// hundreds on a busy machine, and on a very busy one more than a second. So long
// is waited only for a queue that was our own until now: see Interface.Climb.
const (
	busyPatience = time.Second
	ownPatience  = 4 * time.Second
)

// xsk is an AF_XDP socket bound to one queue of an interface, with its rings.
type xsk struct {
	fd         int
	zeroCopy   bool
	fill       producer[uint64]
	rx         consumer[unix.XDPDesc]
	tx         producer[unix.XDPDesc]
	completion consumer[uint64]
}

// openXSK binds a socket with the memory u to a queue. It waits no longer than
// patience for one that was in use just now.
func openXSK(ifindex, queue int, u *umem, zeroCopy bool, patience time.Duration) (*xsk, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		x, err := bindXSK(ifindex, queue, u, zeroCopy)
		if errors.Is(err, unix.EBUSY) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open AF_XDP socket on queue %d: %w", queue, err)
		}
		return x, nil
	}
}

func bindXSK(ifindex, queue int, u *umem, zeroCopy bool) (_ *xsk, err error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	x := &xsk{fd: fd, zeroCopy: zeroCopy}
	defer func() {
		if err != nil {
			_ = x.close()
		}
	}()
	if err := x.makeRings(u); err != nil {
		return nil, err
	}
	flags := uint16(unix.XDP_USE_NEED_WAKEUP | unix.XDP_COPY)
	if zeroCopy {
		flags = unix.XDP_USE_NEED_WAKEUP | unix.XDP_ZEROCOPY
	}
	sa := &unix.SockaddrXDP{Flags: flags, Ifindex: uint32(ifindex), QueueID: uint32(queue)}
	if err := unix.Bind(fd, sa); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	return x, nil
}

// makeRings registers the memory and maps rings that can hold every frame of
// their direction, so that the receive and the completion ring never overflow.
// The kernel wants a completion ring even from a socket that sends nothing.
func (x *xsk) makeRings(u *umem) error {
	reg := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(&u.mem[0]))), Len: uint64(len(u.mem)), Size: frameSize,
	}
	if err := x.setsockopt(unix.XDP_UMEM_REG, unsafe.Pointer(&reg), unsafe.Sizeof(reg)); err != nil {
		return fmt.Errorf("register %d bytes for frames: %w", len(u.mem), err)
	}
	rx, tx := ringSize(u.rx), ringSize(len(u.owners)-u.rx)
	sizes := []struct {
		option  int
		entries uint32
	}{{unix.XDP_UMEM_FILL_RING, rx}, {unix.XDP_UMEM_COMPLETION_RING, tx}, {unix.XDP_RX_RING, rx}, {unix.XDP_TX_RING, tx}}
	for _, s := range sizes {
		if err := unix.SetsockoptInt(x.fd, unix.SOL_XDP, s.option, int(s.entries)); err != nil {
			return fmt.Errorf("make ring of %d: %w", s.entries, err)
		}
	}
	var off unix.XDPMmapOffsets
	if err := x.getsockopt(unix.XDP_MMAP_OFFSETS, unsafe.Pointer(&off), unsafe.Sizeof(off)); err != nil {
		return fmt.Errorf("ask for ring offsets: %w", err)
	}
	var errs [4]error
	x.fill.ring, errs[0] = mapRing[uint64](x.fd, unix.XDP_UMEM_PGOFF_FILL_RING, rx, off.Fr)
	x.completion.ring, errs[1] = mapRing[uint64](x.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, tx, off.Cr)
	x.rx.ring, errs[2] = mapRing[unix.XDPDesc](x.fd, unix.XDP_PGOFF_RX_RING, rx, off.Rx)
	x.tx.ring, errs[3] = mapRing[unix.XDPDesc](x.fd, unix.XDP_PGOFF_TX_RING, tx, off.Tx)
	return errors.Join(errs[:]...)
}

// ringSize returns the smallest ring that holds n entries.
func ringSize(n int) uint32 {
	size := uint32(1)
	for size < uint32(n) {
		size <<= 1
	}
	return size
}

// raiseBudget lets one system call send a whole ring of frames instead of 32,
// where the kernel can (Linux 6.17); elsewhere kicks repeat.
func (x *xsk) raiseBudget() { _ = x.setBudget(len(x.tx.slots)) }

func (x *xsk) setBudget(frames int) error {
	return unix.SetsockoptInt(x.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, frames)
}

// kick asks the kernel to send what is in the transmit ring.
func (x *xsk) kick() unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(x.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// wake tells a driver that sleeps that there are frames to receive into.
func (x *xsk) wake() {
	_, _, _ = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(x.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
}

// statistics returns the kernel's own counters of the socket.
func (x *xsk) statistics() (s unix.XDPStatistics, err error) {
	err = x.getsockopt(unix.XDP_STATISTICS, unsafe.Pointer(&s), unsafe.Sizeof(s))
	return s, err
}

// unbound says whether the kernel has taken the socket off its queue, as when the
// interface has moved to another network namespace. It says so once.
func (x *xsk) unbound() bool {
	errno, err := unix.GetsockoptInt(x.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	return err == nil && errno == int(unix.ENETDOWN)
}

func (x *xsk) close() error {
	err := errors.Join(x.fill.unmap(), x.rx.unmap(), x.tx.unmap(), x.completion.unmap())
	return errors.Join(err, unix.Close(x.fd))
}

func (x *xsk) setsockopt(option int, value unsafe.Pointer, size uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(x.fd), unix.SOL_XDP, uintptr(option),
		uintptr(value), size, 0)
	return errnoErr(errno)
}

func (x *xsk) getsockopt(option int, value unsafe.Pointer, size uintptr) error {
	n := uint32(size)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(x.fd), unix.SOL_XDP, uintptr(option),
		uintptr(value), uintptr(unsafe.Pointer(&n)), 0)
	return errnoErr(errno)
}

func errnoErr(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
