package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// NIC is a host's end of a link: one queue for each worker.
type NIC struct {
	Ifindex int32
	Spray   bool    // frames land on any queue; otherwise those of one flow on one
	Refuse  float64 // probability that a flush refuses a frame
	NoRoom  float64 // probability that there is no buffer to send from
	RingCap int     // frames a queue holds before it overflows

	Heard
	host   *Host
	out    *Wire
	queues []*queue
}

// defaultRing is the size of a receive ring.
const defaultRing = 512

// queue is the engine.Port of one worker.
type queue struct {
	nic    *NIC
	thread *thread

	ring []*frame // arrived, not taken
	lent []*frame // given to the worker by the last Receive

	out       *frame // the buffer that is out
	committed []*frame

	Queued
}

// Queued counts the frames of a queue: Arrived = Overflowed + Taken + those in
// the ring; Committed = Refused + those offered to the wire.
type Queued struct {
	Arrived, Overflowed, Taken uint64
	Committed, Refused, NoRoom uint64
}

// arrive puts a frame into the ring of the queue it falls to, unless the XDP
// program keeps it.
func (n *NIC) arrive(f *frame) {
	if n.hears(f) {
		return
	}
	w := n.host.world
	q := n.queues[n.steer(f)]
	q.Arrived++
	if len(q.ring) >= n.RingCap {
		q.Overflowed++
		w.noteFrame(n.host.name, "overflow", f)
		w.giveBack(f)
		return
	}
	w.noteFrame(n.host.name, "arrives", f)
	q.ring = append(q.ring, f)
	q.thread.kick()
}

// flowSeed makes steering by flow the same in every process.
const flowSeed = 0x9e3779b97f4a7c15

func (n *NIC) steer(f *frame) int {
	if len(n.queues) == 1 {
		return 0
	}
	if n.Spray {
		return n.host.world.dice.IntN(len(n.queues))
	}
	h := uint64(flowSeed)
	for _, b := range f.dgram.Src {
		h = (h ^ uint64(b)) * fnvPrime
	}
	h = (h ^ uint64(f.dgram.SrcPort)) * fnvPrime
	return int(h >> 32 % uint64(len(n.queues)))
}

func (q *queue) Receive(batch []engine.Rx) int {
	w := q.nic.host.world
	for _, f := range q.lent {
		w.giveBack(f)
	}
	n := min(len(batch), len(q.ring))
	q.lent = append(q.lent[:0], q.ring[:n]...)
	q.ring = append(q.ring[:0], q.ring[n:]...)
	for i, f := range q.lent {
		batch[i] = engine.Rx{Datagram: f.dgram, Arrival: f.arrival, Frame: f.bytes()}
		q.thread.took(q.nic.Ifindex, f)
	}
	q.Taken += uint64(n)
	return n
}

// Ring says that a NIC carries whole frames.
func (q *queue) Ring() bool { return true }

// Lost counts what overflowed.
func (q *queue) Lost() uint64 { return q.Overflowed }

func (q *queue) Alloc(bool) []byte {
	w := q.nic.host.world
	if w.chance(q.nic.NoRoom) {
		q.NoRoom++
		return nil
	}
	if q.out == nil {
		q.out = w.newFrame()
	}
	return q.out.buf[:]
}

func (q *queue) Commit(n, _ int) {
	f := q.out
	q.out, f.n = nil, n
	q.Committed++
	q.committed = append(q.committed, f)
	packet.ParseEthernet(f.bytes(), &f.dgram)
	q.thread.sent(q.nic.Ifindex, f)
}

func (q *queue) Flush() (failed int) {
	w := q.nic.host.world
	for _, f := range q.committed {
		if w.chance(q.nic.Refuse) {
			failed++
			w.noteFrame(q.nic.host.name, "refused", f)
			w.giveBack(f)
			continue
		}
		w.noteFrame(q.nic.host.name, "sends", f)
		q.nic.out.send(f)
	}
	q.committed = q.committed[:0]
	q.Refused += uint64(failed)
	return failed
}
