package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/lookup"
)

// binding says whose session the packets on a path are. It is never changed, so
// that the control plane and all workers have one in common.
type binding struct {
	key    addrKey
	discr  uint32
	kind   session.Kind
	onLink bool // the only one on its link, whatever its peer's address
}

// bindings are those of all workers' sessions, found by some part of their keys.
type bindings = lookup.Table[addrKey, binding]

func byKey() bindings {
	return lookup.New(func(b *binding) addrKey { return b.key }, addrKey.hash)
}

func byPeer() bindings {
	return lookup.New(func(b *binding) addrKey { return b.key.ofPeer() }, addrKey.hash)
}

func byLocal() bindings {
	return lookup.New(func(b *binding) addrKey { return b.key.ofLocal() }, addrKey.hash)
}

func (k addrKey) ofPeer() addrKey  { return addrKey{ifindex: k.ifindex, peer: k.peer} }
func (k addrKey) ofLocal() addrKey { return addrKey{ifindex: k.ifindex, local: k.local} }

func (k addrKey) hash() lookup.Hash {
	return lookup.Hash(k.ifindex).Addr(k.local).Addr(k.peer)
}

// paths are how a worker finds the session of a packet without a discriminator.
// Those that are not found by their whole key have been there first.
type paths struct {
	whole bindings
	peer  bindings // single hop: by whose Echo it is
	local bindings // on point-to-point links (RFC 5881 §6)
}

func newPaths() paths { return paths{byKey(), byPeer(), byLocal()} }

func (p *paths) add(b *binding) {
	p.whole.Put(b)
	if b.kind != session.SingleHop {
		return
	}
	if p.peer.Get(b.key.ofPeer()) == nil {
		p.peer.Put(b)
	}
	if b.onLink && p.local.Get(b.key.ofLocal()) == nil {
		p.local.Put(b)
	}
}

// remove takes b away; heir is another session with the same peer, nil without.
func (p *paths) remove(b, heir *binding) {
	p.whole.Delete(b.key)
	if p.peer.Get(b.key.ofPeer()) == b {
		p.peer.Delete(b.key.ofPeer())
	}
	if p.local.Get(b.key.ofLocal()) == b {
		p.local.Delete(b.key.ofLocal())
	}
	if heir != nil && p.peer.Get(heir.key.ofPeer()) == nil {
		p.peer.Put(heir)
	}
}

func (p *paths) len() int { return p.whole.Len() + p.peer.Len() + p.local.Len() }

// discrOf returns the discriminator of b's session, 0 without one.
func (b *binding) discrOf() uint32 {
	if b == nil {
		return 0
	}
	return b.discr
}

// bind tells every worker, because a peer's first packets may arrive on any
// queue.
func (e *Engine) bind(r *record, key addrKey, onLink bool) {
	b := &binding{key, r.discr, r.kind, onLink}
	r.path, r.bound = b, true
	e.bound.Put(b)
	if b.kind == session.SingleHop {
		if e.peers.Get(key.ofPeer()) == nil {
			e.peers.Put(b)
		} else {
			e.twins[key.ofPeer()]++
		}
	}
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) { w.paths.add(b) })
	}
}

func (e *Engine) unbind(r *record) {
	if !r.bound {
		return
	}
	r.bound = false
	b := r.path
	e.bound.Delete(b.key)
	heir := e.heir(b)
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) { w.paths.remove(b, heir) })
	}
}

// heir returns another session with the same peer, which differs by its local
// address, if there is one.
func (e *Engine) heir(gone *binding) *binding {
	peer := gone.key.ofPeer()
	if gone.kind != session.SingleHop {
		return nil
	}
	if e.twins[peer] == 0 {
		e.peers.Delete(peer)
		return nil
	}
	if e.twins[peer]--; e.twins[peer] == 0 {
		delete(e.twins, peer)
	}
	for b := range e.bound.All() {
		if b.key.ofPeer() == peer && b.kind == session.SingleHop {
			e.peers.Put(b)
			return b
		}
	}
	return nil
}
