package engine

import (
	"context"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// QuietEcho ends Echo by a worker's port of an interface both ways, until another
// port is attached or swapped in: ours is sent no more, and the peers are told at
// once to send none (Required Min Echo RX 0, RFC 5880 §6.8.9). What they send until
// they have heard that is still looped. It returns how many sessions had Echo to end:
// without it what is on its way while a port changes would be missed, and take them
// down.
func (e *Engine) QuietEcho(ctx context.Context, worker int, ifindex int32) (ended int, err error) {
	err = e.do(ctx, worker, func(w *Worker, now session.Time) { ended = w.quietEcho(ifindex, now) })
	if err != nil {
		return 0, err
	}
	return ended, nil
}

func (w *Worker) quietEcho(ifindex int32, now session.Time) (ended int) {
	at := w.portOf(ifindex)
	if at < 0 {
		return 0
	}
	w.quiet[at] = true
	for i := range w.slots {
		sl := &w.slots[i]
		s := &sl.session
		if !sl.used || sl.port != at || s.State() != packet.Up || sl.echo == 0 && s.Offered() == 0 {
			continue
		}
		ended++
		w.follow(uint32(i), now)
	}
	return ended
}

// quiets reports whether a session's port is to carry no Echo any more.
func (w *Worker) quiets(sl *slot) bool { return sl.port >= 0 && w.quiet[sl.port] }
