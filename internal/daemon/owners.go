package daemon

import (
	"errors"
	"slices"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// register makes a session be as w and the other owners say, and creates it
// where there is none. With an error nothing has changed. d.mu is held, as in
// all of this file.
func (d *Daemon) register(w want) (*held, error) {
	h := d.byKey.Get(w.peer.Key())
	if h != nil {
		w = h.obey(w)
	}
	c, err := d.book.Register(path(*w.peer), w.owner, w.wish())
	if err != nil {
		return nil, inAPIWords(err)
	}
	if h == nil {
		h, err = d.create(w.peer, c.Spec)
	} else {
		err = d.carry(h, c)
	}
	if err != nil {
		d.undo(w)
		return nil, err
	}
	if i := h.at(w.owner); i >= 0 {
		h.put(i, w)
	} else {
		h.wants = append(h.wants, w)
	}
	d.recordWish(h, c, w.owner)
	for _, o := range slices.Clone(h.wants) {
		if *h.obey(o).peer != *o.peer {
			if _, err := d.register(o); err != nil {
				return h, err
			}
		}
	}
	return h, nil
}

// undo takes back what register asked of the book.
func (d *Daemon) undo(w want) {
	if h := d.byKey.Get(w.peer.Key()); h != nil {
		if i := h.at(w.owner); i >= 0 {
			// It was there before, so nothing speaks against it now.
			_, _ = d.book.Register(path(*w.peer), w.owner, h.wants[i].wish())
			return
		}
	}
	d.book.Unregister(path(*w.peer), w.owner)
}

// hand gives what another owner asks of a session to the file, which may then ask
// for something else.
func (d *Daemon) hand(h *held, owner string) error {
	i := h.at(owner)
	w := h.wants[i]
	w.owner = ownerFile
	if _, err := d.book.Register(path(*w.peer), ownerFile, w.wish()); err != nil {
		return inAPIWords(err)
	}
	d.book.Unregister(path(*w.peer), owner)
	h.put(i, w)
	return nil
}

// create makes a session that nobody had.
func (d *Daemon) create(p *config.Peer, s engine.Spec) (*held, error) {
	discr, err := d.speaker.Add(target(*p), s)
	if err != nil {
		return nil, err
	}
	h := &held{peer: p, discr: discr, ifname: p.Interface, times: times{created: secondsOf(time.Now())}}
	d.debugPeer.Debug("session created", "session", discr, "peer", p.Peer.String(), "ifname", p.Interface, "profile", p.Profile)
	d.byKey.Put(h)
	d.byDiscr.Put(h)
	d.moves++
	if p.Unaffiliated {
		d.unaffiliated++
	}
	return h, nil
}

// carry makes a session be as its owners say now; nothing flaps, but for a
// shutdown. That is why another authentication waits for the peer's while the
// session is up.
func (d *Daemon) carry(h *held, c clients.Change) error {
	if c.Do != clients.Configure {
		return nil
	}
	was, is := c.Was, c.Spec
	d.debugPeer.Debug("session configured", "session", h.discr, "peer", h.peer.Peer.String(), "ifname", h.ifname, "was", was, "is", is)
	if was.Params != is.Params {
		if err := d.speaker.Configure(h.discr, is.Params); err != nil {
			return err // an engine that cannot serve it leaves all as it was
		}
	}
	if was.DSCP != is.DSCP {
		if err := d.speaker.Engine().SetDSCP(h.discr, is.DSCP); err != nil {
			return err
		}
	}
	if was.MinTTL != is.MinTTL || was.Strict != is.Strict {
		if err := d.speaker.SetChecks(h.discr, is.MinTTL, is.Strict); err != nil {
			return err
		}
	}
	if was.Auth != is.Auth {
		return d.authenticate(h, config.Auth(is.Auth), h.up)
	}
	return nil
}

// release ends what an owner asks of a session, and with the last one the
// session.
func (d *Daemon) release(h *held, owner string) error {
	i := h.at(owner)
	if i < 0 {
		return nil
	}
	c := d.book.Unregister(path(*h.peer), owner)
	if c.Do == clients.Remove {
		d.remove(h)
		return nil
	}
	h.wants = slices.Delete(h.wants, i, i+1)
	h.peer = h.wants[0].peer
	d.recordWish(h, c, owner)
	return d.carry(h, c)
}

// inAPIWords names the errors of a Book and of the engine that a client can do
// something about: another one rules it out, or has removed the session meanwhile.
func inAPIWords(err error) error {
	var conflict *clients.ConflictError
	if errors.As(err, &conflict) {
		return &control.Error{Code: control.CodeConflict, Message: conflict.Error()}
	}
	if errors.Is(err, engine.ErrUnknown) {
		return &control.Error{Code: control.CodeNotFound, Message: "the session has just been removed"}
	}
	return err
}

// remove says AdminDown and forgets the session; its Gone event comes later. d.mu
// is held.
func (d *Daemon) remove(h *held) {
	d.byKey.Delete(h.peer.Key())
	d.goneForGoBGP(h)
	d.moves++
	d.debugPeer.Debug("session removed", "session", h.discr, "peer", h.peer.Peer.String(), "ifname", h.ifname)
	if h.peer.Unaffiliated {
		d.unaffiliated--
	}
	if err := d.speaker.Remove(h.discr, int64(d.cfg.ShutdownHold)); err != nil && !errors.Is(err, engine.ErrUnknown) {
		d.log.Error("remove session", "session", h.discr, "err", err)
	}
}
