package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// misses is how many near misses a session has had in a Step, as far as the frames
// tell.
type misses struct {
	sure, perhaps uint32
	rx            uint32 // longest Required Min RX Interval that they were reckoned with, µs
}

// narrow counts a packet that arrives, before anything of it is believed.
func (l *ledger) narrow(arrival session.Time) {
	if !l.known || arrival <= l.at {
		return
	}
	mult := session.Time(l.peer.DetectMult)
	if l.params.Kind == session.Unaffiliated {
		mult = session.Time(l.params.DetectMult)
	}
	if mult == 0 {
		return
	}
	gap := arrival - l.at
	tight := func(detection session.Time) bool {
		if mult == 1 {
			return detection-gap < detection/20
		}
		return detection-gap < detection/mult*3/4
	}
	lo, hi := l.detection()
	l.missed.rx = max(l.missed.rx, l.rx.hi)
	switch {
	case tight(lo) && tight(hi) && l.spared <= l.at:
		l.missed.sure++
	case tight(lo) || tight(hi):
		l.missed.perhaps++ // after a time that has become shorter, by how much it was spared
	}
}

// checkMargin is rule (o).
func (l *ledger) checkMargin(st *engine.Status) {
	m, was := l.missed, l.status.Margin.NearMisses
	l.missed = misses{}
	if !l.steady || st.State != packet.Up || l.host.lanes != nil || st.Demand.Local || l.status.Demand.Local || l.retimed > 0 {
		return
	}
	if l.rx.hi > m.rx { // after a stall, packets show the congestion that spares those behind them
		m.sure, m.perhaps = 0, m.sure+m.perhaps
	}
	if n := st.Margin.NearMisses - was; n < m.sure || n > m.sure+m.perhaps {
		l.fail("(o) counts %d near misses of a Step, there were %d to %d", n, m.sure, m.sure+m.perhaps)
	}
}
