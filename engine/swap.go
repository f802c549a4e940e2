package engine

import (
	"context"

	"github.com/xbfd/xbfd/engine/session"
)

// SwapPort puts p in the place of the port that a worker has of an interface,
// between two Steps, and returns when the worker will never touch that one again.
// What had arrived by the old one until then is received first; so nothing is lost
// if the old one gets no more frames before SwapPort is called. No session
// fails or loses its schedule for it. A worker that has no port of the interface
// gets p as by AttachPort.
func (e *Engine) SwapPort(ctx context.Context, worker int, ifindex int32, p Port) error {
	return e.do(ctx, worker, func(w *Worker, now session.Time) { w.swap(ifindex, p, now) })
}

// swapCalls bounds what is received from a port that is on its way out: more than
// its rings hold.
const swapCalls = 64

func (w *Worker) swap(ifindex int32, p Port, now session.Time) {
	at := w.portOf(ifindex)
	if at < 0 {
		w.attach(ifindex, p, now)
		return
	}
	old := w.ports[at]
	for range swapCalls {
		if _, empty := w.receivePort(old, ifindex, now); empty {
			break
		}
	}
	w.flushPort(int(at))
	w.portGen++
	w.loss.sum += old.Lost() - w.loss.ports[at]
	w.ports[at], w.loss.ports[at], w.proven[at], w.quiet[at] = p, p.Lost(), false, false
	for i := range w.slots {
		if sl := &w.slots[i]; sl.used && (sl.port == at || sl.path.Via != 0 && sl.path.Via == ifindex) {
			w.usePort(uint32(i), w.portFor(&sl.path), now)
			w.follow(uint32(i), now)
		}
	}
}
