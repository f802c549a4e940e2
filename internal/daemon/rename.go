package daemon

import (
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

// Two owners may name one session in different words: bfdd gives the addresses and no
// interface, the file an interface and no address. Where the words lead to one path
// there is one session. d.mu is held, as in all of this file.

// known returns the session that an owner means, nil if there is none: the one with
// that key, or, beside bfdd's, one that goes the same way.
func (d *Daemon) known(p config.Peer) *held {
	if h := d.byKey.Get(p.Key()); h != nil || p.Unaffiliated || len(d.planned) == 0 {
		return h
	}
	key := p.Key()
	if !key.Local.IsValid() || !key.Multihop && key.Interface == "" {
		key.Local, key.Interface = d.speaker.Resolve(target(p))
	}
	for h := range d.byKey.All() {
		k := h.peer.Key()
		if k.Peer != key.Peer || k.Multihop != key.Multihop || k.VRF != key.VRF || k.Unaffiliated {
			continue
		}
		local, ifname := d.speaker.Where(h.discr)
		if !local.IsValid() {
			local, ifname = k.Local, k.Interface
		}
		if local.IsValid() && key.Local == local && (key.Multihop || key.Interface == ifname) {
			return h
		}
	}
	return nil
}

// planesOnly tells a session that no other than bfdd has asked for.
func (h *held) planesOnly() bool {
	for _, w := range h.wants {
		if !strings.HasPrefix(w.owner, planeOwner) {
			return false
		}
	}
	return true
}

// meant returns the session that an owner means, under the key that it gives, nil if
// there is none: bfdd does not mind what its sessions are called, others do.
func (d *Daemon) meant(p config.Peer) *held {
	h := d.known(p)
	switch {
	case h == nil || h.peer.Key() == p.Key():
		return h
	case !h.planesOnly():
		return nil
	}
	d.goneForGoBGP(h) // which knows it by its former name
	was := path(*h.peer)
	d.byKey.Delete(h.peer.Key())
	for i, w := range h.wants {
		named := w.peer.Named(p.Key())
		w.peer = &named
		h.put(i, w)
	}
	d.byKey.Put(h)
	d.book.Rename(was, path(*h.peer))
	for _, s := range d.planned[h.discr] {
		s.key = p.Key()
	}
	d.speaker.Retarget(h.discr, target(*h.peer))
	d.failedForGoBGP(h)
	return h
}
