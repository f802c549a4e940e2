package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Margin says how near a session has come to failing, or to making its peer
// fail it, while nothing of the kind happened: the news before the news. Times
// are nanoseconds, of the time that the session was Up.
type Margin struct {
	Least     int64  // of the Detection Time that was left when a packet came; no meaning while LongestRx is 0
	LongestRx int64  // longest time between two packets of the peer
	LongestTx int64  // longest time between two periodic packets of ours
	LateTx    uint64 // periodic packets that left more than the interval after the one before
}

// noteGap takes the time since the last packet of the peer, one arriving now.
func (m *Margin) noteGap(gap, detection int64) {
	if m.LongestRx == 0 || detection-gap < m.Least {
		m.Least = detection - gap
	}
	m.LongestRx = max(m.LongestRx, gap, 1)
}

// noteRx notes a packet of the peer that is about to be received.
func (w *Worker) noteRx(sl *slot, arrival session.Time) {
	s := &sl.session
	if gap := int64(arrival - s.LastRx()); s.State() == packet.Up && gap > 0 {
		if local, _ := s.Demand(); !local {
			sl.margin.noteGap(gap, s.DetectionTime())
		}
	}
}

// noteTx notes a periodic packet of ours that leaves now. After a change of the
// interval the next gap says nothing.
func (w *Worker) noteTx(sl *slot, now session.Time) {
	s := &sl.session
	interval := s.TxInterval()
	_, silent := s.Demand()
	if s.State() == packet.Up && interval != 0 && interval == sl.lastInterval && !silent {
		gap := int64(now - sl.lastTx)
		sl.margin.LongestTx = max(sl.margin.LongestTx, gap)
		if gap > int64(interval)*session.Microsecond {
			sl.margin.LateTx++
		}
	}
	sl.lastTx, sl.lastInterval = now, interval
}

// marginOf is what a session's status tells, what the XDP program has seen
// included.
func (w *Worker) marginOf(sl *slot) Margin {
	m := sl.margin
	if sl.lane != 0 {
		if gap := w.engine.lanes.Gap(int(sl.lane - 1)); gap > 0 {
			m.noteGap(gap, sl.session.DetectionTime())
		}
	}
	return m
}
