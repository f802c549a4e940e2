package engine

import (
	"context"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// QuietEcho ends Echo by a worker's port of an interface both ways, until another
// port is attached or swapped in: ours is sent no more, and the peers are told at
// once to send none (Required Min Echo RX 0, RFC 5880 §6.8.9), by Poll. What they send
// until they have heard that is still looped. It returns how many peers have not
// answered yet, and may be called until none is left: without it what is on its way
// while a port changes would be missed, and take sessions down.
func (e *Engine) QuietEcho(ctx context.Context, worker int, ifindex int32) (waiting int, err error) {
	err = e.do(ctx, worker, func(w *Worker, now session.Time) { waiting = w.quietEcho(ifindex, now) })
	if err != nil {
		return 0, err
	}
	return waiting, nil
}

func (w *Worker) quietEcho(ifindex int32, now session.Time) (waiting int) {
	at := w.portOf(ifindex)
	if at < 0 {
		return 0
	}
	first := !w.quiet[at]
	w.quiet[at] = true
	for i := range w.slots {
		sl := &w.slots[i]
		s := &sl.session
		if p := s.Params(); !sl.used || sl.port != at || s.State() != packet.Up || p.EchoTx == 0 && p.EchoRx == 0 {
			continue
		}
		if first && (sl.echo != 0 && w.echoes[sl.echo-1].Running() || s.Offered() != 0) {
			w.endEcho(uint32(i), now)
		}
		if s.Polling() {
			waiting++
		}
	}
	return waiting
}

// endEcho tells the peer of a session that its Echo is over, however often the
// session has changed lately.
func (w *Worker) endEcho(i uint32, now session.Time) {
	s := &w.slots[i].session
	out := s.OfferEcho(now, 0, &w.rng)
	if w.slots[i].echo != 0 {
		out |= w.followEcho(i, now)
	}
	if s.PollIdle() {
		s.Verify()
	}
	w.apply(i, out|session.Send, now, evidence{})
}

// quiets reports whether a session's port is to carry no Echo any more.
func (w *Worker) quiets(sl *slot) bool { return sl.port >= 0 && w.quiet[sl.port] }
