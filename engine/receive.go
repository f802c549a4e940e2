package engine

import (
	"math/bits"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// receive takes a bounded number of datagrams from every port and from the
// other workers. It returns whether nothing was left, and sets the horizon: the
// instant before which every packet that arrived has been looked at.
func (w *Worker) receive(now session.Time) (drained bool) {
	drained = true
	horizon := now
	for p, port := range w.ports {
		if port == nil {
			continue
		}
		if first, empty := w.receivePort(port, w.portIf[p], now); !empty {
			drained = false
			horizon = min(horizon, first)
		}
	}
	w.horizon = horizon
	w.published.Store(int64(horizon))
	for o, h := range w.from {
		if h == nil {
			continue
		}
		// The horizon first, then the ring: what the other handed over before it
		// said so lies there by now.
		past := session.Time(w.engine.workers[o].published.Load())
		if w.takeHanded(h, now) {
			w.past[o] = past
		} else {
			drained = false
		}
	}
	w.wakeOthers()
	return drained
}

// receivePort returns the earliest arrival among the datagrams taken and whether
// the port is empty now. A port may serve several queues, each in order of
// arrival but none in step with the others, so what is left is not sure to have
// arrived after the last datagram taken, only after the first ones.
func (w *Worker) receivePort(port Port, ifindex int32, now session.Time) (first session.Time, empty bool) {
	first = now
	for range rxBatches {
		n := port.Receive(w.batch[:])
		for i := range w.batch[:n] {
			first = min(first, w.batch[i].Arrival)
			w.datagram(&w.batch[i], ifindex, now)
		}
		if n < len(w.batch) {
			return first, true
		}
	}
	return first, false
}

func (w *Worker) takeHanded(h *handoff, now session.Time) (empty bool) {
	for range handoffSlots {
		ifindex, ok := h.peek(&w.handed)
		if !ok {
			return true
		}
		w.datagram(&w.handed, ifindex, now)
		h.pop()
	}
	return false
}

// datagram validates one datagram in the order of RFC 5880 §6.8.6, finds its
// session and lets it receive. Nothing is written to a session before every
// check has passed.
func (w *Worker) datagram(rx *Rx, ifindex int32, now session.Time) {
	if rx.Drop != packet.DropNone {
		w.drops[rx.Drop]++
		return
	}
	if rx.DstPort != packet.PortControl {
		w.drops[packet.DropFrame]++
		return
	}
	var c packet.Control
	if d := c.Decode(rx.Payload); d != packet.DropNone {
		w.drops[d]++
		return
	}
	discr := c.YourDiscr
	if discr == 0 {
		// The packet's state decides, not ours: a restarted peer knows no
		// discriminator of ours and must be heard in every state.
		if c.State == packet.Init || c.State == packet.Up {
			w.drops[packet.DropZeroYourDiscrState]++
			return
		}
		var ok bool
		if discr, ok = w.byAddr[addrKey{ifindex, rx.Dst, rx.Src}]; !ok {
			w.drops[packet.DropNoSession]++
			return
		}
	}
	if owner, _ := w.engine.key.find(discr); owner != w.index {
		w.handOver(owner, rx, ifindex)
		return
	}
	i, ok := w.lookup(discr)
	if !ok {
		w.drops[packet.DropUnknownYourDiscr]++
		return
	}
	w.control(i, &c, rx, now)
}

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

// control is the rest of the checks, those that need the session, and the
// session's own part.
func (w *Worker) control(i uint32, c *packet.Control, rx *Rx, now session.Time) {
	sl := &w.slots[i]
	if rx.TTL != 255 { // RFC 5881 §5, before the digest costs anything
		w.discard(i, packet.DropTTL)
		return
	}
	auth, d := w.authenticate(i, c, rx)
	if d != packet.DropNone {
		w.discard(i, d)
		return
	}
	s := &sl.session
	before := evidence{lastRx: s.LastRx(), detection: s.DetectionTime()}
	out := s.Proven(now, auth.switched, auth.seq, &w.rng)
	if auth.switched {
		w.tellAuth(i).AuthSwitched = true
	}
	out |= s.Receive(now, rx.Arrival, c, &w.rng)
	if out&session.Discarded != 0 {
		w.discard(i, packet.DropLocalAdminDown)
	} else {
		sl.count.Rx++
		w.rx++
	}
	w.apply(i, out, now, before)
}

func (w *Worker) discard(i uint32, d packet.Drop) {
	w.drops[d]++
	w.discards[i][d]++
}
