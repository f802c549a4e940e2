package engine

import "github.com/xbfd/xbfd/engine/session"

const (
	// A Step this much after the instant it asked for is a stall of ours.
	stallFloor = session.Time(session.Millisecond)

	// One of this much is told.
	stallTold = session.Time(5 * session.Millisecond)

	// A stall of this part of a Detection Time or more may be the whole host's,
	// a hypervisor's above all; shorter ones the Detection Time bears.
	stallPart = 4

	// What stops the host stops a peer on it too, and the virtual link to it.
	// After such a stall the peer gets this long to be heard, but no longer
	// than the stall itself was.
	stallSettle = session.Time(5 * session.Millisecond)
)

// noteStall measures how late this Step is.
func (w *Worker) noteStall(now session.Time) {
	if w.untold > 0 {
		w.tellStall(now)
	}
	if w.promised == session.Never || now-w.promised < stallFloor {
		return
	}
	late := now - w.promised
	w.maxStall = max(w.maxStall, late)
	w.stalls++
	if late >= stallTold {
		w.untold = max(w.untold, late)
		w.tellStall(now)
	}
	if late < w.stall && now < w.stalledAt+stallSettle {
		return // a stumble right after a fall: that counts on
	}
	w.stall, w.stalledAt = late, now
}

// tellStall tells of the longest stall not told yet, or leaves that for later.
func (w *Worker) tellStall(now session.Time) {
	if w.told && now < w.toldAt+tellEvery {
		return
	}
	w.out.tell(Note{Kind: Stall, At: now, Worker: int(w.index), Late: int64(w.untold), Count: w.stalls})
	w.told, w.toldAt, w.untold = true, now, 0
}

// judgeFrom returns the instant from which silence since lastRx may be judged,
// whose Detection Time ends at due: then, or a moment after a long stall that
// this instant fell into.
func (w *Worker) judgeFrom(lastRx session.Time, detection int64, due session.Time) session.Time {
	if w.stalledAt <= lastRx || int64(w.stall)*stallPart < detection {
		return due
	}
	return max(due, w.stalledAt+min(w.stall, stallSettle))
}
