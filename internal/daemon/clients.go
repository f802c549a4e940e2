package daemon

import (
	"context"
	"strings"

	"github.com/xbfd/xbfd/internal/control"
)

// SetClient makes somebody a client of a session, or changes what it asks for.
// The session then lives as long as its last client.
func (d *Daemon) SetClient(ctx context.Context, id uint32, name string, c control.ClientSpec) (control.Session, error) {
	if err := d.setClient(id, name, c); err != nil {
		return control.Session{}, err
	}
	return d.Session(ctx, id)
}

func (d *Daemon) setClient(id uint32, name string, c control.ClientSpec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	if err != nil {
		return err
	}
	if ours(name) {
		return control.Errorf(control.CodeNotOwner, "the name %q is xbfd's own", name)
	}
	// What it does not ask for it takes as it is; but patience is its own.
	p := *h.peer
	p.HoldOff = 0
	if i := h.at(name); i >= 0 {
		p = *h.wants[i].peer
	}
	if p, err = control.Apply(c.SessionChange, p); err != nil {
		return err
	}
	_, err = d.register(want{owner: name, peer: &p, flags: c.ClientFlags})
	if refused := tooMuch(err); refused != nil {
		return refused
	}
	return err
}

// DeleteClient ends what a client asks of a session.
func (d *Daemon) DeleteClient(_ context.Context, id uint32, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	switch {
	case err != nil:
		return err
	case ours(name):
		return control.Errorf(control.CodeNotOwner, "the name %q is xbfd's own", name)
	case h.at(name) < 0:
		return control.Errorf(control.CodeNotFound, "the session with peer %v has no client %q", h.peer.Peer, name)
	}
	return d.release(h, name)
}

// ours tells names that no client can have.
func ours(name string) bool {
	return name == ownerFile || name == ownerAPI || name == ownerRoutes || name == ownerGoBGP || strings.HasPrefix(name, planeOwner)
}
