package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// tap is a Tap on a session.
type tap struct {
	slot uint32
	to   *flight.Tap
}

// recordRx records a packet that arrived for a session, discarded or not.
func (w *Worker) recordRx(i uint32, rx *Rx, d packet.Drop) {
	sl := &w.slots[i]
	if sl.heard {
		w.recordHeard(sl) // before this one
	}
	seen := flight.Seen{Datagram: &rx.Datagram, Frame: rx.Frame, Drop: d, At: int64(rx.Arrival)}
	w.recorder.Received(i, seen)
	if sl.watched {
		for _, t := range w.taps {
			if t.slot == i {
				t.to.Received(seen)
			}
		}
	}
}

// recordTx records a packet that is about to leave. changed says that it has other
// bits than the one before.
func (w *Worker) recordTx(i uint32, frame []byte, changed bool, now session.Time) {
	sl, bfd := &w.slots[i], w.templates[i].BFD()
	w.recorder.Sent(i, frame, bfd, changed, !sl.path.MACKnown, int64(now))
	if sl.watched {
		for _, t := range w.taps {
			if t.slot == i {
				t.to.Sent(frame, bfd, !sl.path.MACKnown, int64(now))
			}
		}
	}
}

// recordHeard records what the XDP program has heard for a session.
func (w *Worker) recordHeard(sl *slot) {
	if !w.recorder.On() {
		return
	}
	i, lane := w.slotOf(sl.session.LocalDiscr()), int(sl.lane-1)
	last := w.engine.lanes.Last(lane)
	if n := w.recorder.Heard(i, w.engine.lanes.Count(lane), last); n > 0 {
		var b [packet.MaxFrame]byte
		frame := b[:w.engine.lanes.Images[lane].Frame(b[:])]
		w.recorder.Rebuilt(i, frame, n, last)
	}
}

// reject discards a packet of a session.
func (w *Worker) reject(i uint32, rx *Rx, d packet.Drop) {
	w.recordRx(i, rx, d)
	w.discard(i, d)
}

// stray discards a packet that leads to no session. It is recorded with the one
// that its addresses name.
func (w *Worker) stray(kind session.Kind, key addrKey, rx *Rx, d packet.Drop) {
	w.drops[d]++
	if rx.DstPort != packet.PortControl && rx.DstPort != packet.PortMultihop {
		return
	}
	if i, ok := w.lookup(w.paths.whole.Get(key).discrOf()); ok && w.slots[i].session.Params().Kind == kind {
		w.recordRx(i, rx, d)
	}
}

// Capture returns what was recorded of a session's Control packets, the oldest
// first, and the present repeat of each direction where that is not kept any more.
func (e *Engine) Capture(ctx context.Context, discr uint32) ([]flight.Frame, error) {
	frames := new([]flight.Frame)
	if err := e.visit(ctx, discr, func(w *Worker, i uint32) { *frames = w.capture(i) }); err != nil {
		return nil, err
	}
	return *frames, nil
}

func (w *Worker) capture(i uint32) []flight.Frame {
	sl := &w.slots[i]
	if sl.heard {
		w.recordHeard(sl)
	}
	frames := w.recorder.Frames(i, nil)
	if sl.count.Tx > 0 && !sl.dirty {
		var b [packet.MaxFrame]byte
		t := &w.templates[i]
		frames = w.recorder.Template(i, b[:t.Put(b[:], sl.sentBits)], t.BFD(), !sl.path.MACKnown, int64(sl.lastTx), frames)
	}
	slices.SortStableFunc(frames, func(a, b flight.Frame) int { return cmp.Compare(a.At, b.At) })
	return frames
}

// Tap has every Control packet of a session handed to t, until Untap or the end of
// the session. Meanwhile the XDP program hears none of its packets by itself, so
// that none is missed.
func (e *Engine) Tap(ctx context.Context, discr uint32, t *flight.Tap) error {
	err := e.visit(ctx, discr, func(w *Worker, i uint32) {
		w.taps = append(w.taps, tap{i, t})
		w.slots[i].watched = true
		w.unexpect(&w.slots[i])
	})
	if ctx.Err() != nil {
		e.post(e.WorkerOf(discr), func(w *Worker, _ session.Time) { w.untap(t) })
	}
	return err
}

// Untap ends Tap. When it returns nil the worker does not touch t any more.
func (e *Engine) Untap(ctx context.Context, discr uint32, t *flight.Tap) error {
	return e.do(ctx, e.WorkerOf(discr), func(w *Worker, _ session.Time) { w.untap(t) })
}

func (w *Worker) untap(t *flight.Tap) {
	at := slices.IndexFunc(w.taps, func(o tap) bool { return o.to == t })
	if at < 0 {
		return // ended with its session
	}
	i := w.taps[at].slot
	w.taps = slices.Delete(w.taps, at, at+1)
	w.slots[i].watched = slices.ContainsFunc(w.taps, func(o tap) bool { return o.slot == i })
}

// endTaps ends the taps of a session that goes.
func (w *Worker) endTaps(i uint32) {
	if !w.slots[i].watched {
		return
	}
	w.slots[i].watched = false
	w.taps = slices.DeleteFunc(w.taps, func(t tap) bool {
		if t.slot == i {
			t.to.End()
		}
		return t.slot == i
	})
}

// visit runs a command on the worker of a session, and waits for it.
func (e *Engine) visit(ctx context.Context, discr uint32, fn func(w *Worker, i uint32)) error {
	found := false
	if worker := e.WorkerOf(discr); worker < len(e.workers) {
		err := e.do(ctx, worker, func(w *Worker, _ session.Time) {
			var i uint32
			if i, found = w.lookup(discr); found {
				fn(w, i)
			}
		})
		if err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("session %#08x: %w", discr, ErrUnknown)
	}
	return nil
}
