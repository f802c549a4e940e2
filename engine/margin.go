package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Margin says how near a session has come to failing, or to making its peer
// fail it, while nothing of the kind happened: the news before the news. Times
// are nanoseconds, of the time that the session was Up.
type Margin struct {
	Least      int64  // of the Detection Time that was left when a packet came; no meaning while LongestRx is 0
	LongestRx  int64  // longest time between two packets of the peer
	LongestTx  int64  // longest time between two periodic packets of ours
	LateTx     uint64 // periodic packets that left more than the interval after the one before
	NearMisses uint32 // packets but for which the session would have failed: see session.Narrow
}

// noteGap takes the time in ns between two packets of the peer, the second of
// which arrived at an instant. The XDP program tells only the longest gap since it
// was last asked, which is at least once for each packet of ours.
func (w *Worker) noteGap(sl *slot, gap int64, arrival session.Time) {
	m, detection := &sl.margin, sl.session.DetectionTime()
	if m.LongestRx == 0 || detection-gap < m.Least {
		m.Least = detection - gap
	}
	m.LongestRx = max(m.LongestRx, gap, 1)
	if !sl.session.Narrow(gap) {
		return
	}
	m.NearMisses++
	if second := uint32(arrival / tellEvery); second != sl.toldMiss {
		sl.toldMiss = second
		w.out.tell(Note{
			Kind: NearMiss, At: arrival, Worker: int(w.index), Discr: sl.session.LocalDiscr(),
			Gap: gap, DetectionTime: detection, Count: uint64(m.NearMisses),
		})
	}
}

// noteRx notes a packet of the peer that is about to be received.
func (w *Worker) noteRx(sl *slot, arrival session.Time) {
	s := &sl.session
	if gap := int64(arrival - s.LastRx()); s.State() == packet.Up && gap > 0 {
		if local, _ := s.Demand(); !local {
			w.noteGap(sl, gap, arrival)
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
