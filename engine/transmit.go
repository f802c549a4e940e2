package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// evidence is what must be known of a session before an event changes it.
type evidence struct {
	lastRx    session.Time
	detection int64
}

// apply does what a session asked for: tells of a change, sends, and re-arms.
func (w *Worker) apply(i uint32, out session.Outcome, now session.Time, before evidence) {
	sl := &w.slots[i]
	if out&session.Content != 0 {
		sl.dirty = true
	}
	if out&session.Changed != 0 {
		w.changed(i, now, before)
	}
	if out&session.Send != 0 {
		var bits uint8
		if sl.session.Polling() {
			bits = packet.BitPoll
		}
		w.transmit(i, bits)
	}
	if out&session.SendFinal != 0 {
		w.transmit(i, packet.BitFinal)
	}
	w.rearm(i)
}

// changed records a change of state: counters, the event, the evidence.
func (w *Worker) changed(i uint32, now session.Time, before evidence) {
	sl := &w.slots[i]
	s := &sl.session
	from := sl.change.To
	sl.change = Change{At: now, From: from, To: s.State(), Diag: s.Diag(), Remote: s.Remote().State}
	e := w.out.entry(i, s.LocalDiscr(), from)
	e.Transitions++
	e.Change = sl.change
	switch s.State() {
	case packet.Up:
		sl.count.Up++
	case packet.AdminDown:
		sl.count.AdminDown++
	case packet.Down:
		sl.count.Down++
		if from != packet.Up {
			break
		}
		f := Failure{
			At: now, Diag: s.Diag(), LastRx: before.lastRx, DetectionTime: before.detection,
			Admin: s.Diag() == packet.DiagNeighborDown && sl.change.Remote == packet.AdminDown,
		}
		if w.stalledAt > before.lastRx {
			f.Stalled = int64(w.stall)
		}
		if !f.Admin {
			sl.count.Failures++
		}
		// A failure that waits outranks an administrative Down after it.
		if !e.Failed || !f.Admin || e.Failure.Admin {
			e.Failed, e.Failure = true, f
		}
	}
}

// transmit sends one packet of a session with P or F as in bits. A session
// without a path has nowhere to send to and says nothing.
func (w *Worker) transmit(i uint32, bits uint8) {
	sl := &w.slots[i]
	if sl.port < 0 {
		return
	}
	t := &w.templates[i]
	port := w.ports[sl.port]
	buf := port.Alloc(sl.path.MACKnown)
	if buf == nil {
		w.flushPort(int(sl.port))
		if buf = port.Alloc(sl.path.MACKnown); buf == nil {
			sl.count.TxFailed++
			return
		}
	}
	content := sl.dirty || bits != sl.sentBits
	if sl.dirty {
		w.render(i)
	}
	n := t.Put(buf, bits)
	w.seal(i, buf[:n], content)
	sl.sentBits = bits
	port.Commit(n, t.L3())
	w.dirty[sl.port] = true
	sl.count.Tx++
	w.tx++
}

// render builds the session's frame anew; P and F stay clear in it, because
// each send patches them.
func (w *Worker) render(i uint32) {
	sl := &w.slots[i]
	var c packet.Control
	sl.session.Control(&c)
	c.Poll = false
	var section *packet.Auth
	if a := w.section(&sl.session); a.Type != 0 {
		section = &a
	}
	w.templates[i].Render(&packet.Path{
		SrcMAC: sl.path.LocalMAC, DstMAC: sl.path.PeerMAC,
		Src: sl.path.Local, Dst: sl.path.Peer,
		SrcPort: sl.srcPort, DstPort: packet.PortControl,
		TTL: 255, DSCP: sl.dscp,
	}, &c, section)
	sl.dirty = false
}

// flush gives every port that has something to send one chance to.
func (w *Worker) flush() {
	for p := range w.ports {
		if w.dirty[p] {
			w.flushPort(p)
		}
	}
}

func (w *Worker) flushPort(p int) {
	w.refused += uint64(w.ports[p].Flush())
	w.dirty[p] = false
}
