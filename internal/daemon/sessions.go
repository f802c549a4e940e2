package daemon

import (
	"context"
	"fmt"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// AddSession creates a session of the API's.
func (d *Daemon) AddSession(ctx context.Context, spec control.SessionSpec) (control.Session, error) {
	d.mu.Lock()
	p, err := control.Resolve(spec, d.cfg.Profiles)
	if err != nil {
		d.mu.Unlock()
		return control.Session{}, err
	}
	if h := d.known(p); h != nil {
		d.mu.Unlock()
		return control.Session{}, control.Errorf(control.CodeExists,
			"there is a session with peer %v already: local discriminator %d, owner %s", p.Peer, h.discr, h.owner())
	}
	err = d.knownKey(p.Auth)
	if err == nil {
		err = d.excluded(p)
	}
	if err != nil {
		d.mu.Unlock()
		return control.Session{}, err
	}
	w := want{owner: ownerAPI, peer: &p}
	if p.Profile != "" {
		own, _ := control.Own(spec) // Resolve has looked at it
		w.own = &chosen{own}
	}
	h, err := d.register(w)
	d.mu.Unlock()
	if refused := tooMuch(err); refused != nil {
		return control.Session{}, refused
	}
	if err != nil {
		return control.Session{}, control.Errorf(control.CodeUnavailable, "%v", err)
	}
	return d.Session(ctx, h.discr)
}

// ChangeSession changes a session, whoever made it. A session of the file is
// as the file says again when its entry there changes.
func (d *Daemon) ChangeSession(ctx context.Context, id uint32, c control.SessionChange) (control.Session, error) {
	if err := d.changeSession(id, c); err != nil {
		return control.Session{}, err
	}
	return d.Session(ctx, id)
}

func (d *Daemon) changeSession(id uint32, c control.SessionChange) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	if err != nil {
		return err
	}
	w := h.wants[h.at(h.chief())]
	p, err := control.Apply(c, *w.peer)
	if err != nil {
		return err
	}
	w.peer = &p
	w.own = w.own.with(control.Settings(c))
	_, err = d.register(w)
	if refused := tooMuch(err); refused != nil {
		return refused
	}
	return err
}

// DeleteSession removes a session that the API made.
func (d *Daemon) DeleteSession(_ context.Context, id uint32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	if err != nil {
		return err
	}
	switch {
	case h.at(ownerAPI) >= 0:
		return d.release(h, ownerAPI)
	case h.at(ownerFile) >= 0:
		return control.Errorf(control.CodeNotOwner, "the session with peer %v belongs to the file: remove it there and reload", h.peer.Peer)
	}
	return control.Errorf(control.CodeNotOwner, "the session with peer %v belongs to its client %q: remove that", h.peer.Peer, h.owner())
}

// find returns a session that is not leaving.
func (d *Daemon) find(id uint32) (*held, error) {
	h := d.byDiscr.Get(id)
	if h == nil || d.byKey.Get(h.peer.Key()) != h {
		return nil, control.Errorf(control.CodeNotFound, "no session with local discriminator %d", id)
	}
	return h, nil
}

// excluded refuses a session that cannot run besides another one.
func (d *Daemon) excluded(p config.Peer) error {
	if h := d.excluding(p); h != nil {
		return excludedBy(p, h)
	}
	return nil
}

// excluding returns a session besides which another cannot run, or nil.
func (d *Daemon) excluding(p config.Peer) *held {
	if !p.Unaffiliated && d.unaffiliated == 0 {
		return nil
	}
	for h := range d.byKey.All() {
		if p.Excludes(*h.peer) {
			return h
		}
	}
	return nil
}

func excludedBy(p config.Peer, h *held) error {
	return &control.Error{Code: control.CodeExists, Field: "peer", Message: fmt.Sprintf(
		"there is a session with peer %v already, and unaffiliated echo allows a peer no other one (RFC 9747 §4): local discriminator %d, owner %s",
		p.Peer, h.discr, h.owner())}
}
