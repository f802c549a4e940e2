package wire

import "golang.org/x/sys/unix"

// maxIdle is how many calls in one flush may send nothing.
const maxIdle = 4

// voided is the address of a descriptor that the kernel is to skip: beyond any
// memory, so it fails the kernel's check.
const voided = ^uint64(0)

// alloc returns a buffer for one frame, the same one until it is committed, or
// nil when every frame is on its way.
func (q *queue) alloc() []byte {
	if q.writing >= 0 {
		return q.umem.bytes(uint32(q.writing))
	}
	if q.dead {
		return nil
	}
	if len(q.umem.spare) == 0 || q.tx.room(1) == 0 {
		q.push()
	}
	if q.tx.room(1) == 0 {
		return nil
	}
	frame, ok := q.umem.lend()
	if !ok {
		return nil
	}
	q.writing = int(frame)
	return q.umem.bytes(frame)
}

// commit queues the first n bytes of alloc's last buffer.
func (q *queue) commit(n int) {
	q.tx.push(unix.XDPDesc{Addr: q.umem.send(uint32(q.writing)), Len: uint32(n)})
	q.writing = -1
}

// flush hands over what was committed and returns how many frames were given
// up since the last call.
func (q *queue) flush() (failed int) {
	if q.tx.unread() > 0 && !q.dead {
		q.push()
	}
	failed, q.failed = q.failed, 0
	return failed
}

// push shows the kernel the transmit ring, has it sent, and takes back the
// frames that are done.
func (q *queue) push() {
	q.tx.publish()
	if q.tx.needWakeup() {
		q.kickAll()
	}
	q.reap()
}

// kickAll kicks until the ring is empty. The kernel stops after a batch with
// EAGAIN, and in silence after every descriptor that abandon voided; but a
// device that takes nothing must not hold the worker up: what is left then goes
// with the next flush. A driver with zero copy sends by itself.
func (q *queue) kickAll() {
	tries, idle := q.tx.unread()+maxIdle, 0
	if q.zeroCopy {
		tries = 1
	}
	for ; tries > 0 && idle < maxIdle; tries-- {
		before := q.tx.unread()
		if before == 0 {
			q.stale = 0
			return
		}
		switch errno := q.kick(); errno {
		case 0:
		case unix.EAGAIN:
			if q.tx.unread() == before {
				q.reap() // a full completion ring is one reason
				idle++
			}
		case unix.EBUSY: // the device dropped one frame, and the call ended there
			q.failed++
			q.count.txRefused.Add(1)
		case unix.ENETDOWN:
			q.count.txLinkDown.Add(1)
			q.abandon()
			return
		case unix.ENXIO:
			q.dead = true
			q.count.txLinkDown.Add(1)
			q.abandon()
			return
		default: // no memory for socket buffers: later
			q.count.txError.Add(1)
			return
		}
	}
}

// reap takes back the frames that the kernel has sent. Some kernels complete
// voided descriptors too.
func (q *queue) reap() {
	for n := q.completion.refresh(); n > 0; n-- {
		if address := q.completion.pop(); address != voided && !q.umem.done(address) {
			q.count.txBad.Add(1)
		}
	}
	q.completion.release()
}

// abandon gives up everything that the kernel has not sent: packets that tell
// of a state long past must not leave when the link comes back. In copy mode
// the kernel looks at the ring only inside our system calls, so descriptors
// that it was shown can still be voided; it skips them later. With zero copy
// the ring is the driver's.
func (q *queue) abandon() {
	if q.zeroCopy {
		return
	}
	q.reap()
	q.stale = q.tx.unread()
	for i := q.tx.head - q.stale; i != q.tx.head; i++ {
		slot := &q.tx.slots[i&q.tx.mask]
		if q.umem.done(slot.Addr) {
			q.failed++
		}
		*slot = unix.XDPDesc{Addr: voided, Len: 1}
	}
}
