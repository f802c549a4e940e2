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
		if other, ok := e.bound[key]; ok && other != discr {
			dup = fmt.Errorf("session %#08x: %w", discr, ErrDuplicate)
			return
		}
		e.endRemoval(key)
		if !r.bound || r.key != key || r.onLink != path.PointToPoint {
			e.unbind(r)
			r.onLink = path.PointToPoint
			e.bind(r, key)
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

// bind tells every worker, because a peer's first packets may arrive on any
// queue.
func (e *Engine) bind(r *record, key addrKey) {
	r.key, r.bound = key, true
	e.bound[key] = r.discr
	e.alike[key.ofPeer()]++
	discr, aliases := r.discr, r.aliases()
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) {
			w.byAddr[key] = discr
			for _, a := range aliases {
				// Another session that it finds goes on being found.
				if _, taken := w.byAddr[a]; !taken {
					w.byAddr[a] = discr
				}
			}
		})
	}
}

func (e *Engine) unbind(r *record) {
	if !r.bound {
		return
	}
	r.bound = false
	key := r.key
	delete(e.bound, key)
	heir := e.heir(key.ofPeer())
	discr, aliases := r.discr, r.aliases()
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) {
			delete(w.byAddr, key)
			for _, a := range aliases {
				if w.byAddr[a] == discr {
					delete(w.byAddr, a)
				}
			}
			if _, taken := w.byAddr[key.ofPeer()]; heir != 0 && !taken {
				w.byAddr[key.ofPeer()] = heir
			}
		})
	}
}

// aliases are the incomplete keys that find the session, too.
func (r *record) aliases() (keys []addrKey) {
	if r.kind == session.SingleHop {
		keys = append(keys, r.key.ofPeer())
	}
	if r.onLink && r.kind == session.SingleHop {
		keys = append(keys, addrKey{ifindex: r.key.ifindex, local: r.key.local})
	}
	return keys
}

func (k addrKey) ofPeer() addrKey { return addrKey{ifindex: k.ifindex, peer: k.peer} }

// heir returns another session with the same peer, which differs by its local
// address, if there is one.
func (e *Engine) heir(peer addrKey) (discr uint32) {
	if e.alike[peer]--; e.alike[peer] <= 0 {
		delete(e.alike, peer)
		return 0
	}
	for k, d := range e.bound {
		if k.ofPeer() == peer && e.sessions[d].kind == session.SingleHop {
			return d
		}
	}
	return 0
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
