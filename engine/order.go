package engine

import (
	"math/bits"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// A card may spread a session's packets over queues of several workers. What waits
// for a worker, in its ports and handed over, it takes in the order of arrival, as far
// as it sees it: port after port, and of each ring the first. A packet that waits
// behind others there, or still in another worker's port, while a later one is
// received has been overtaken, and says what is not true any more: a Down from before
// the session came up would take it down again.

func (w *Worker) handOver(owner uint32, rx *Rx, ifindex int32) {
	if int(owner) >= len(w.engine.workers) {
		w.drops[packet.DropUnknownYourDiscr]++
		return
	}
	if !w.engine.workers[owner].from[w.index].put(rx, ifindex) {
		w.drops[packet.DropHandoffFull]++
	}
	w.rouse |= 1 << owner
}

// wakeOthers wakes each of the workers to be roused, once.
func (w *Worker) wakeOthers() {
	for ; w.rouse != 0; w.rouse &= w.rouse - 1 {
		w.engine.wake(bits.TrailingZeros32(w.rouse))
	}
}

// receiveHanded takes what other workers have handed over and reports whether that
// was all. Then everything has been seen that they received before the instant that
// each had published.
func (w *Worker) receiveHanded(now session.Time) (drained bool) {
	// The horizons first, then the rings: what another handed over before it said so
	// lies there by now.
	var past [MaxWorkers]session.Time
	for o, other := range w.engine.workers {
		past[o] = session.Time(other.published.Load())
	}
	if !w.takeHanded(session.Never, now) {
		return false
	}
	for o, h := range w.from {
		if h != nil {
			w.past[o] = past[o]
		}
	}
	return true
}

// takeHanded takes what other workers have handed over and what arrived before an
// instant, in order, and reports whether nothing of that is left.
func (w *Worker) takeHanded(before, now session.Time) (empty bool) {
	for range handoffSlots * len(w.engine.workers) {
		var oldest *handoff
		at := before
		for o := range w.engine.workers {
			if h := w.from[o]; h != nil {
				if t, ok := h.arrival(); ok && t < at {
					oldest, at = h, t
				}
			}
		}
		if oldest == nil {
			return true
		}
		ifindex, _ := oldest.peek(&w.handed)
		w.datagram(&w.handed, ifindex, now)
		oldest.pop()
	}
	return false
}

// acceptOvertaken takes a packet that was overtaken, which is our doing and not the
// peer's. It is received, and a Poll is answered. Where its number lies behind that of
// the later one nobody can tell it from a replay (RFC 5880 §6.7.4), and it is dropped.
func (w *Worker) acceptOvertaken(i uint32, c *packet.Control, rx *Rx, now session.Time) {
	if _, d := w.authenticate(i, c, rx); d != packet.DropNone {
		w.reject(i, rx, packet.DropOvertaken)
		return
	}
	before := w.evidenceOf(i)
	out := w.slots[i].session.Overtaken(c)
	if out&session.Discarded != 0 {
		w.reject(i, rx, packet.DropLocalAdminDown)
		return
	}
	w.countRx(i, rx)
	w.apply(i, out, now, before)
}

// overtaken reports whether a packet of a session arrived before one that was
// received already.
func (w *Worker) overtaken(i uint32, rx *Rx) bool {
	return w.newest != nil && rx.Arrival < w.newest[i]
}

// noteNewest notes a packet that is received.
func (w *Worker) noteNewest(i uint32, rx *Rx) {
	if w.newest != nil {
		w.newest[i] = rx.Arrival
	}
}
