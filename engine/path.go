package engine

import (
	"context"
	"fmt"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// SetPath gives a session the path its packets take, or another one. It fails
// with ErrDuplicate when a session that is not being removed already has this
// interface and these addresses (RFC 5881 §3: one session per peer, interface
// and protocol), and for addresses that are not two of one family.
func (e *Engine) SetPath(discr uint32, path Path) error {
	var unset packet.Addr
	if path.Local == unset || path.Peer == unset || path.Local.Is4() != path.Peer.Is4() {
		return fmt.Errorf("session %#08x: no packet can go from %v to %v", discr, path.Local.Netip(), path.Peer.Netip())
	}
	if path.EchoSource != unset && path.EchoSource.Is4() != path.Local.Is4() {
		return fmt.Errorf("session %#08x: no echo can go from %v to %v", discr, path.EchoSource.Netip(), path.Local.Netip())
	}
	var dup error
	err := e.with(discr, func(r *record) {
		key := path.key(r.kind)
		if other := e.bound.Get(key).discrOf(); other != 0 && other != discr {
			dup = fmt.Errorf("session %#08x: %w", discr, ErrDuplicate)
			return
		}
		e.endRemoval(key)
		if !r.bound || r.path.key != key || r.path.onLink != path.PointToPoint {
			e.unbind(r)
			e.bind(r, key, path.PointToPoint)
		}
		e.post(r.worker, func(w *Worker, now session.Time) { w.setPath(r.slot, path, now) })
	})
	if err != nil {
		return err
	}
	return dup
}

// ClearPath says that a session's packets have no way to leave any more. The
// session lives on: its peer's silence will be noticed as usual.
func (e *Engine) ClearPath(discr uint32) error {
	return e.with(discr, func(r *record) {
		e.unbind(r)
		e.post(r.worker, func(w *Worker, now session.Time) { w.clearPath(r.slot, now) })
	})
}

// endRemoval frees at once a session that is still saying AdminDown to the peer
// a new session now talks to: two voices would contradict each other.
func (e *Engine) endRemoval(key addrKey) {
	r := e.leaving[key]
	if r == nil {
		return
	}
	delete(e.leaving, key)
	e.post(r.worker, func(w *Worker, _ session.Time) {
		if i, ok := w.lookup(r.discr); ok {
			w.free(i)
		}
	})
}

// AttachPort gives a worker a port of an interface. Sessions whose path is on
// that interface use it from then on.
func (e *Engine) AttachPort(worker int, ifindex int32, p Port) {
	e.post(worker, func(w *Worker, now session.Time) { w.attach(ifindex, p, now) })
}

// DetachPort takes a worker's port of an interface away and returns when the
// worker will never touch it again, so that it may be closed.
func (e *Engine) DetachPort(ctx context.Context, worker int, ifindex int32) error {
	return e.do(ctx, worker, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
}

// do runs a command on a worker and waits for it.
func (e *Engine) do(ctx context.Context, worker int, c command) error {
	done := make(chan struct{})
	e.post(worker, func(w *Worker, now session.Time) {
		c(w, now)
		close(done)
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("worker %d: %w", worker, ctx.Err())
	}
}
