package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Insurance: while this worker stands still, the kernel answers the packets that
// it hears for a session with the session's own last packet, so that the peer
// does not lose it. In normal running a gate stays shut and nothing is answered.

// insure lays down what is answered for a session whose peer is heard, and how
// often; nothing to a peer that wants no packets (RFC 5880 §6.8.7).
func (w *Worker) insure(i uint32, now session.Time) {
	sl := &w.slots[i]
	if !w.engine.insurance || !w.byRing(sl) || sl.session.TxInterval() == 0 {
		w.uninsure(sl)
		return
	}
	if sl.dirty {
		w.render(i)
	}
	var frame [packet.MaxFrame]byte
	n := w.templates[i].Put(frame[:], 0)
	gate, gap := gates(sl.session.TxInterval())
	sl.insured = w.engine.lanes.Insure(int(sl.lane-1), int64(now)+gate, gap, frame[:n], w.wayOut(sl))
}

// wayOut is the interface by which a session is answered for, 0 for the one that its
// packets come by: for a session over one hop that is the same link, and of a bond a
// member that works. Packets over several hops may come by another one than ours leave by.
func (w *Worker) wayOut(sl *slot) int32 {
	if sl.session.Params().Kind != session.Multihop {
		return 0
	}
	return w.portIf[sl.port]
}

func (w *Worker) uninsure(sl *slot) {
	if sl.insured {
		w.engine.lanes.Uninsure(int(sl.lane - 1))
		sl.insured = false
	}
}

// shut keeps the gate shut for a session that is sending itself.
func (w *Worker) shut(sl *slot, now session.Time) {
	if sl.insured {
		gate, _ := gates(sl.session.TxInterval())
		w.engine.lanes.Shut(int(sl.lane-1), int64(now)+gate)
	}
}

// gates returns, in ns, how long after a packet of ours the first answer may go
// out, which is a quarter of the interval after we ought to have sent, and how
// long after an answer the next: three quarters, so that almost every packet of
// a peer that sends as often is answered.
func gates(interval uint32) (gate, gap int64) {
	t := int64(interval) * session.Microsecond
	return t + t/4, t - t/4
}
