package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// evidence is what must be known of a session before an event changes it.
type evidence struct {
	lastRx    session.Time
	detection int64
	heard     bool // lastRx means something
}

// evidenceOf returns what is to be known of a session before an event.
func (w *Worker) evidenceOf(i uint32) evidence {
	sl := &w.slots[i]
	w.listen(sl)
	return evidence{
		lastRx: sl.session.LastRx(), detection: sl.session.DetectionTime(), heard: sl.count.Rx > 0,
	}
}

// apply does what a session asked for: tells of a change, sends, and re-arms.
func (w *Worker) apply(i uint32, out session.Outcome, now session.Time, before evidence) {
	sl := &w.slots[i]
	if sl.echo != 0 {
		out |= w.followEcho(i, now)
	}
	if out&session.Content != 0 {
		sl.dirty = true
	}
	// A packet of ours that has changed is not to be answered with the old one.
	if sl.heard && (sl.dirty || w.heardState(sl) < HeardWaiting) {
		w.unexpect(sl)
	}
	if out&session.Changed != 0 {
		w.changed(i, now, before)
	}
	if out&session.Send != 0 {
		var bits uint8
		if sl.session.Polling() {
			bits = packet.BitPoll
		}
		w.noteTx(sl, now)
		if sl.port >= 0 {
			w.grids[sl.port].note(sl.session.Grain(), now)
			sl.session.SetGrid(w.grids[sl.port].fine)
		}
		w.shut(sl, now)
		w.transmit(i, bits, now)
	}
	if out&session.SendFinal != 0 {
		w.transmit(i, packet.BitFinal, now)
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
	e.RemoteCPI = s.Remote().CPI
	e.LastRx, e.Heard = before.lastRx, before.heard
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
			Remote: s.Remote().Diag, NearMisses: sl.margin.NearMisses,
			Admin: s.Diag() == packet.DiagNeighborDown && sl.change.Remote == packet.AdminDown ||
				s.Diag() == packet.DiagAdminDown, // ours: held down, or a kind without AdminDown
		}
		// A peer that gave us up did so for what we sent a Detection Time ago.
		since := min(before.lastRx, now-session.Time(before.detection))
		if w.stalledAt > since {
			f.Stalled = int64(w.stall)
		}
		f.Lost, f.LostWithin = w.lostSince(since, now)
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
func (w *Worker) transmit(i uint32, bits uint8, now session.Time) {
	sl := &w.slots[i]
	if sl.port < 0 || sl.session.Params().Kind == session.Unaffiliated && !w.mayEcho(sl) {
		return
	}
	t := &w.templates[i]
	buf := w.alloc(sl, sl.path.MACKnown)
	if buf == nil {
		return
	}
	content := sl.dirty || bits != sl.sentBits
	if sl.dirty {
		w.render(i)
	}
	n := t.Put(buf, bits)
	w.seal(i, buf[:n], content)
	w.recordTx(i, buf[:n], bits != sl.sentBits, now)
	sl.sentBits = bits
	w.commit(sl, n, t.L3())
	sl.count.Tx++
	w.tx++
}

// alloc returns a buffer for a frame of a session, nil if there is no room even
// after a flush.
func (w *Worker) alloc(sl *slot, l2 bool) []byte {
	port := w.ports[sl.port]
	buf := port.Alloc(l2)
	if buf == nil {
		w.flushPort(int(sl.port))
		if buf = port.Alloc(l2); buf == nil {
			sl.count.TxFailed++
		}
	}
	return buf
}

// commit queues the frame of n bytes in the buffer that alloc returned.
func (w *Worker) commit(sl *slot, n, l3 int) {
	w.ports[sl.port].Commit(n, l3)
	if w.queued[sl.port]++; w.queued[sl.port] == flushMost {
		w.flushPort(int(sl.port))
	}
}

// mayEcho reports whether frames to ourselves through the peer can leave.
func (w *Worker) mayEcho(sl *slot) bool {
	return w.byRing(sl) && sl.path.EchoSource != packet.Addr{}
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
	path := w.around(sl)
	path.Src, path.Dst, path.DstPort = sl.path.Local, sl.path.Peer, packet.PortControl
	switch sl.session.Params().Kind {
	case session.Multihop:
		path.DstPort = packet.PortMultihop
	case session.Unaffiliated:
		path.DstPort, path.Src, path.Dst = packet.PortEcho, sl.path.EchoSource, sl.path.Local
	}
	w.templates[i].Render(&path, &c, section)
	sl.dirty = false
	w.recorder.Fresh(i)
}

// around is what stands around all packets of a session, without addresses and
// destination port.
func (w *Worker) around(sl *slot) packet.Path {
	p := packet.Path{
		SrcMAC: sl.path.LocalMAC, DstMAC: sl.path.PeerMAC, SrcPort: sl.srcPort, TTL: 255, DSCP: sl.dscp,
	}
	if sl.path.Via != 0 && sl.port >= 0 && w.portIf[sl.port] == sl.path.Via {
		p.VLAN, p.PCP = sl.path.VLAN, sl.dscp>>3 // as class selectors have it: CS6 is 6
	}
	return p
}

// flush gives every port that has something to send one chance to.
func (w *Worker) flush() {
	for p := range w.ports {
		if w.queued[p] > 0 {
			w.flushPort(p)
		}
	}
}

func (w *Worker) flushPort(p int) {
	w.refused += uint64(w.ports[p].Flush())
	w.queued[p] = 0
}
