package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// remove says AdminDown and forgets the session; its Gone event comes later. d.mu
// is held.
func (d *Daemon) remove(h *held) {
	delete(d.byKey, h.peer.Key())
	if h.peer.Unaffiliated {
		d.unaffiliated--
	}
	if err := d.speaker.Remove(h.discr, int64(d.cfg.ShutdownHold)); err != nil && !errors.Is(err, engine.ErrUnknown) {
		d.log.Error("remove session", "session", h.discr, "err", err)
	}
}

// AddSession creates a session of the API's.
func (d *Daemon) AddSession(ctx context.Context, spec control.SessionSpec) (control.Session, error) {
	d.mu.Lock()
	p, err := control.Resolve(spec, d.cfg.Profiles)
	if err != nil {
		d.mu.Unlock()
		return control.Session{}, err
	}
	if h := d.byKey[p.Key()]; h != nil {
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
	h, err := d.register(want{owner: ownerAPI, peer: p})
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
	if w.peer, err = control.Apply(c, w.peer); err != nil {
		return err
	}
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
	h := d.byDiscr[id]
	if h == nil || d.byKey[h.peer.Key()] != h {
		return nil, control.Errorf(control.CodeNotFound, "no session with local discriminator %d", id)
	}
	return h, nil
}

// Reload reads the file again and makes the sessions agree with it: all of it,
// or nothing if it is wrong.
func (d *Daemon) Reload(context.Context) (control.ReloadReport, error) {
	if d.o.Load == nil {
		return control.ReloadReport{}, control.Errorf(control.CodeUnavailable, "there is no file to reload: xbfd was started without one")
	}
	d.phase(Reloading)
	defer d.phase(Ready)
	next, err := d.o.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reloaded = &control.LastReload{At: time.Now().UTC()}
	if err != nil {
		d.reloaded.Error = err.Error()
		return control.ReloadReport{}, control.Errorf(control.CodeInvalid, "%v", err)
	}
	report, err := d.become(next)
	if err != nil {
		d.reloaded.Error = err.Error()
		return report, err
	}
	d.log.Info("reloaded", "added", report.Added, "removed", report.Removed, "changed", report.Changed, "unchanged", report.Unchanged)
	return report, nil
}

// become turns the sessions of the file into those of another configuration.
func (d *Daemon) become(next config.Config) (control.ReloadReport, error) {
	added, removed, changed := config.Diff(d.cfg.Peers, next.Peers)
	if err := d.checkKeys(next, removed, slices.Concat(changed, added)); err != nil {
		return control.ReloadReport{}, err
	}
	if err := d.setKeys(next); err != nil {
		return control.ReloadReport{}, err
	}
	d.restart = config.RestartNeeded(d.cfg, next)
	report := control.ReloadReport{
		Added: len(added), Removed: len(removed), Changed: len(changed),
		Unchanged: len(next.Peers) - len(added) - len(changed), RestartNeeded: d.restart,
	}
	for _, w := range next.Warnings {
		report.Warnings = append(report.Warnings, w.String())
	}
	before := d.cfg
	d.cfg = d.cfg.Reloaded(next)
	var errs []error
	if before.EchoSource != next.EchoSource {
		d.setEchoSource(next.EchoSource)
	}
	for _, p := range removed {
		delete(d.refused, p.Key())
		if h := d.byKey[p.Key()]; h != nil {
			errs = append(errs, d.release(h, ownerFile))
		}
	}
	waiting := 0
	for _, p := range slices.Concat(changed, added) {
		if h := d.byKey[p.Key()]; h != nil && h.up && h.peer.Auth != p.Auth {
			waiting++
		}
		switch err := d.ensure(p); {
		case err == nil:
			delete(d.refused, p.Key())
		case d.refuse(p, err):
		default:
			errs = append(errs, fmt.Errorf("peer %v: %w", p.Peer, err))
		}
	}
	if waiting > 0 {
		report.Warnings = append(report.Warnings, waitingForPeers(waiting))
	}
	report.Warnings = append(report.Warnings, d.capacityWarnings()...)
	d.dropKeys(next)
	return report, errors.Join(errs...)
}

// ensure makes a peer of the file exist as it is written there. A session that
// the API made before becomes the file's.
func (d *Daemon) ensure(p config.Peer) error {
	h := d.byKey[p.Key()]
	if h == nil {
		if err := d.excluded(p); err != nil {
			return err
		}
	} else if h.at(ownerAPI) >= 0 && h.at(ownerFile) < 0 {
		if err := d.hand(h); err != nil {
			return err
		}
	}
	_, err := d.register(want{owner: ownerFile, peer: p})
	return err
}

// excluded refuses a session that cannot run besides another one.
func (d *Daemon) excluded(p config.Peer) error {
	if !p.Unaffiliated && d.unaffiliated == 0 {
		return nil
	}
	for _, h := range d.byKey {
		if p.Excludes(h.peer) {
			return &control.Error{Code: control.CodeExists, Field: "peer", Message: fmt.Sprintf(
				"there is a session with peer %v already, and unaffiliated echo allows a peer no other one (RFC 9747 §4): local discriminator %d, owner %s",
				p.Peer, h.discr, h.owner())}
		}
	}
	return nil
}
