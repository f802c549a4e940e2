package engine

import (
	"github.com/xbfd/xbfd/engine/session"
)

// tally is what a session had counted when its counters were cleared. The
// counters themselves go on: the worker, the XDP program and the simulator's
// bookkeeping rely on that. Few sessions have one, so it is not in the slot.
type tally struct {
	counters        Counters
	discards        Discards
	heard, answered uint64
	sent, returned  uint64 // Echo packets
}

// Clear makes the counters, the margins and the round trip times of a session
// start again, or onlyPackets: its counters of packets and nothing else. Its state,
// and how long it has been in that, stay.
func (e *Engine) Clear(discr uint32, onlyPackets bool) error {
	return e.with(discr, func(r *record) {
		e.post(r.worker, func(w *Worker, now session.Time) {
			if i, ok := w.lookup(discr); ok {
				w.clear(i, now, onlyPackets)
			}
		})
	})
}

// ClearAll is Clear for every session there is.
func (e *Engine) ClearAll() {
	for i := range e.workers {
		e.post(i, func(w *Worker, now session.Time) {
			for i := range w.slots {
				if w.slots[i].used {
					w.clear(uint32(i), now, false)
				}
			}
		})
	}
}

func (w *Worker) clear(i uint32, now session.Time, onlyPackets bool) {
	sl := &w.slots[i]
	t := &tally{counters: sl.count, discards: w.discards[i].sum()}
	if onlyPackets {
		t.counters = t.counters.changesOf(w.cleared[i])
	}
	t.heard, t.answered = w.laneCounts(sl)
	if sl.echo != 0 {
		e := &w.echoes[sl.echo-1]
		t.sent, t.returned = e.Sent, e.Returned
		if !onlyPackets {
			e.RTT = session.RTT{}
		}
	}
	w.cleared[i] = t
	if onlyPackets {
		return
	}
	w.listen(sl)
	sl.margin = Margin{}
}

// sinceCleared takes off st what was counted before the session was cleared.
func (w *Worker) sinceCleared(i uint32, st *Status) {
	t := w.cleared[i]
	if t == nil {
		return
	}
	st.Counters = st.Counters.less(t.counters)
	for d := range st.Discards {
		st.Discards[d] -= t.discards[d]
	}
	st.RxHeard, st.Answered = st.RxHeard-t.heard, st.Answered-t.answered
	st.Echo.Sent, st.Echo.Returned, st.Echo.Looped = st.Echo.Sent-t.sent, st.Echo.Returned-t.returned, st.Echo.Looped-t.counters.Looped
}

// changesOf is c with the changes of state that t had, if there is a t.
func (c Counters) changesOf(t *tally) Counters {
	var o Counters
	if t != nil {
		o = t.counters
	}
	c.Up, c.Down, c.AdminDown, c.Failures = o.Up, o.Down, o.AdminDown, o.Failures
	return c
}

func (c Counters) less(o Counters) Counters {
	return Counters{
		Tx: c.Tx - o.Tx, Rx: c.Rx - o.Rx, TxFailed: c.TxFailed - o.TxFailed,
		Up: c.Up - o.Up, Down: c.Down - o.Down, AdminDown: c.AdminDown - o.AdminDown,
		Failures: c.Failures - o.Failures, Looped: c.Looped - o.Looped,
	}
}
