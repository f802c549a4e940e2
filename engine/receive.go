package engine

import (
	"math"

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
	if !w.alone && !w.receiveHanded(now) {
		drained = false
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
			rx := &w.batch[i]
			first = min(first, rx.Arrival)
			if !w.alone {
				w.takeHanded(rx.Arrival, now)
			}
			switch {
			case rx.Ifindex == 0:
				w.datagram(rx, ifindex, now)
			case rx.Ifindex == Nobody:
				w.drops[packet.DropNoSession]++
			default:
				w.datagram(rx, rx.Ifindex, now)
			}
		}
		if n < len(w.batch) {
			return first, true
		}
	}
	return first, false
}

// datagram validates one datagram in the order of RFC 5880 §6.8.6, finds its
// session and lets it receive. Nothing is written to a session before every
// check has passed.
func (w *Worker) datagram(rx *Rx, ifindex int32, now session.Time) {
	kind, key := session.SingleHop, addrKey{ifindex, rx.Dst, rx.Src}
	if rx.DstPort == packet.PortMultihop {
		kind, key.ifindex = session.Multihop, w.vrfOf(ifindex)
	}
	if rx.Drop != packet.DropNone {
		w.stray(kind, key, rx, rx.Drop)
		return
	}
	switch rx.DstPort {
	case packet.PortControl, packet.PortMultihop:
	case packet.PortEcho:
		w.echoDatagram(rx, ifindex, now)
		return
	default:
		w.drops[packet.DropFrame]++
		return
	}
	var c packet.Control
	if d := c.Decode(rx.Payload); d != packet.DropNone {
		w.stray(kind, key, rx, d)
		return
	}
	discr := c.YourDiscr
	if discr == 0 {
		// The packet's state decides, not ours: a restarted peer knows no
		// discriminator of ours and must be heard in every state.
		if c.State == packet.Init || c.State == packet.Up {
			w.stray(kind, key, rx, packet.DropZeroYourDiscrState)
			return
		}
		if discr = w.find(key); discr == 0 {
			w.drops[packet.DropNoSession]++
			return
		}
	}
	if owner, _ := w.engine.key.find(discr); owner != w.index && int(owner) < len(w.engine.workers) {
		w.handOver(owner, rx, ifindex)
		return
	}
	i, ok := w.lookup(discr)
	if !ok || w.slots[i].session.Params().Kind != kind {
		// Hop types never mix: each has its port (RFC 5883 §5).
		drop := packet.DropUnknownYourDiscr
		if c.YourDiscr == 0 {
			drop = packet.DropNoSession
		}
		w.stray(kind, key, rx, drop)
		return
	}
	w.control(i, &c, rx, ifindex, now)
}

// find returns the discriminator of the session with these addresses, 0 without
// one. On a point-to-point link it does not matter whose address the peer uses
// (RFC 5881 §6).
func (w *Worker) find(key addrKey) uint32 {
	if b := w.paths.whole.Get(key); b != nil {
		return b.discr
	}
	return w.paths.local.Get(key.ofLocal()).discrOf()
}

// control makes the checks that need the session and nothing of the packet but
// where it came from.
func (w *Worker) control(i uint32, c *packet.Control, rx *Rx, ifindex int32, now session.Time) {
	sl := &w.slots[i]
	least, bound := uint8(255), sl.strict // RFC 5881 §5, before the digest costs anything
	if sl.session.Params().Kind == session.Multihop {
		least, bound = sl.minTTL, false // RFC 5883: no interface is its own
	}
	switch {
	case rx.TTL < least:
		w.reject(i, rx, packet.DropTTL)
	case bound && ifindex != sl.path.Ifindex, w.vrfOf(ifindex) != sl.path.VRF:
		w.reject(i, rx, packet.DropWrongInterface)
	default:
		w.listen(sl)
		if w.accept(i, c, rx, ifindex, now) {
			w.expect(i, c, rx, ifindex, now)
		}
	}
}

// accept is the authentication, and then the session's own part. It returns
// whether the packet was received and is the latest.
func (w *Worker) accept(i uint32, c *packet.Control, rx *Rx, ifindex int32, now session.Time) bool {
	sl := &w.slots[i]
	if w.overtaken(i, rx) {
		w.acceptOvertaken(i, c, rx, now)
		return false
	}
	auth, d := w.authenticate(i, c, rx)
	if d != packet.DropNone {
		w.reject(i, rx, d)
		return false
	}
	s := &sl.session
	before := w.evidenceOf(i)
	out := s.Proven(now, auth.switched, auth.seq, &w.rng)
	if auth.switched {
		w.tellAuth(i).AuthSwitched = true
	}
	w.noteSource(i, rx)
	was := s.Remote().State
	w.noteRx(sl, rx.Arrival)
	out |= s.Receive(now, rx.Arrival, c, &w.rng)
	if (was == packet.AdminDown) != (c.State == packet.AdminDown) && out&session.Changed == 0 {
		// What AdminDown means for clients holds whatever our own state (RFC 5882 §3.2).
		e := w.out.entry(i, s.LocalDiscr(), sl.change.To)
		sl.change.Remote = c.State
		e.Change, e.RemoteCPI, e.RemoteAdmin = sl.change, c.CPI, true
	}
	if out&session.Discarded != 0 {
		w.reject(i, rx, packet.DropLocalAdminDown)
	} else {
		w.countRx(i, rx)
		w.noteNewest(i, rx)
		out |= w.prove(sl, rx, ifindex, now)
	}
	w.apply(i, out, now, before)
	return out&session.Discarded == 0
}

// countRx counts and records a packet that is received.
func (w *Worker) countRx(i uint32, rx *Rx) {
	w.recordRx(i, rx, packet.DropNone)
	w.slots[i].count.Rx++
	w.rx++
}

// noteSource notices a peer that speaks from another address. It is heard, by
// its discriminator, and answered at the configured one; the client may want to
// know (RFC 5881 §6).
func (w *Worker) noteSource(i uint32, rx *Rx) {
	sl := &w.slots[i]
	other := rx.Src
	if other == sl.path.Peer || sl.session.Params().Kind == session.Unaffiliated {
		other = packet.Addr{}
	}
	if other != sl.otherSrc {
		sl.otherSrc = other
		e := w.out.entry(i, sl.session.LocalDiscr(), sl.change.To)
		e.Change, e.SourceChanged = sl.change, true
	}
}

func (w *Worker) discard(i uint32, d packet.Drop) {
	w.drops[d]++
	if n := &w.discards[i][d]; *n != math.MaxUint32 {
		*n++
	}
}
