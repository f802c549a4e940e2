package wire

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is one of the four rings that an AF_XDP socket shares with the kernel:
// a power of two of slots, and two free-running counters of which each side
// moves one.
//
// Memory order. The side that produces writes slots, then moves the producer
// counter; the other side reads that counter, then the slots. Both must see the
// two steps in this order, on arm64 as well: the kernel uses store-release and
// load-acquire (net/xdp/xsk_queue.h), and so does Go, whose atomic loads and
// stores are at least that strong (LDAR and STLR on arm64, XCHG for a store on
// x86). The consumer counter works the same way round: a slot is not written again
// before it was read. What the slots point to, frames and the stamps before them,
// is ordered by the same counters. Counters of our own (head, tail) are this
// worker's alone.
//
// Whoever publishes and then looks whether the kernel sleeps must not look first:
// a kernel that went to sleep in between would be woken by nobody. That is a store
// and a load of another word, which acquire and release leave free to change
// places; Go's atomics do not change places with each other.
type ring[T any] struct {
	produced, consumed *atomic.Uint32 // the shared counters
	flags              *atomic.Uint32
	slots              []T
	mask               uint32
	mem                []byte
}

// mapRing maps the ring of socket fd that has the given page offset.
func mapRing[T any](fd int, page int64, entries uint32, off unix.XDPRingOffset) (r ring[T], err error) {
	var slot T
	size := int(off.Desc) + int(entries)*int(unsafe.Sizeof(slot))
	r.mem, err = unix.Mmap(fd, page, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return r, fmt.Errorf("map ring: %w", err)
	}
	word := func(offset uint64) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&r.mem[offset])) }
	r.produced, r.consumed, r.flags = word(off.Producer), word(off.Consumer), word(off.Flags)
	r.slots = unsafe.Slice((*T)(unsafe.Pointer(&r.mem[off.Desc])), entries)
	r.mask = entries - 1
	return r, nil
}

func (r *ring[T]) unmap() error {
	if r.mem == nil {
		return nil
	}
	err := unix.Munmap(r.mem)
	*r = ring[T]{}
	return err
}

// needWakeup reports whether the kernel sleeps and must be told of new slots.
func (r *ring[T]) needWakeup() bool { return r.flags.Load()&unix.XDP_RING_NEED_WAKEUP != 0 }

// producer is our end of a ring that we fill: the fill and the transmit ring.
type producer[T any] struct {
	ring[T]
	head uint32 // slots written, of which the kernel has been shown produced
	tail uint32 // slots known to be read by the kernel
}

// room returns how many slots can be written, and asks the kernel's counter
// only when fewer than want are known to be free.
func (p *producer[T]) room(want uint32) uint32 {
	size := p.mask + 1
	if size-(p.head-p.tail) < want {
		p.tail = p.consumed.Load()
	}
	return size - (p.head - p.tail)
}

// push writes a slot; the caller has made sure that there is room.
func (p *producer[T]) push(v T) {
	p.slots[p.head&p.mask] = v
	p.head++
}

// publish shows the kernel every slot written.
func (p *producer[T]) publish() { p.produced.Store(p.head) }

// unread returns how many of the slots written the kernel has not read.
func (p *producer[T]) unread() uint32 { return p.head - p.consumed.Load() }

// consumer is our end of a ring that the kernel fills: the receive and the
// completion ring.
type consumer[T any] struct {
	ring[T]
	head uint32 // slots known to be written by the kernel
	tail uint32 // slots we have read
}

// refresh learns what the kernel has written since and returns how many slots
// wait.
func (c *consumer[T]) refresh() uint32 {
	c.head = c.produced.Load()
	return c.waiting()
}

// waiting returns how many slots are known to wait.
func (c *consumer[T]) waiting() uint32 { return c.head - c.tail }

// pop reads a slot; the caller has made sure that one waits.
func (c *consumer[T]) pop() T {
	v := c.slots[c.tail&c.mask]
	c.tail++
	return v
}

// release lets the kernel write the slots again that were read.
func (c *consumer[T]) release() { c.consumed.Store(c.tail) }
