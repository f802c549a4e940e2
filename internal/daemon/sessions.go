package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/netlinkmon"
)

func params(p config.Peer) session.Params {
	return session.Params{
		DesiredMinTx: p.DesiredMinTx, RequiredMinRx: p.RequiredMinRx, DetectMult: p.DetectMult,
		Passive: p.Passive, AdminDown: p.Shutdown,
	}
}

// add creates a session. d.mu is held, as in the two below.
func (d *Daemon) add(p config.Peer, owner string) (*held, error) {
	discr, err := d.speaker.Add(
		netlinkmon.Target{Peer: p.Peer, Local: p.Local, Interface: p.Interface},
		engine.Spec{Params: params(p), DSCP: p.DSCP, Auth: engine.Auth(p.Auth)})
	if err != nil {
		return nil, err
	}
	h := &held{peer: p, owner: owner, discr: discr, ifname: p.Interface}
	d.byKey[p.Key()] = h
	d.byDiscr[discr] = h
	return h, nil
}

// change makes a session be as p says; nothing flaps, but for a shutdown. That
// is why another authentication waits for the peer's while the session is up.
func (d *Daemon) change(h *held, p config.Peer) error {
	if h.peer.DSCP != p.DSCP {
		if err := d.speaker.Engine().SetDSCP(h.discr, p.DSCP); err != nil {
			return err
		}
	}
	if params(h.peer) != params(p) {
		if err := d.speaker.Configure(h.discr, params(p)); err != nil {
			return err
		}
	}
	if h.peer.Auth != p.Auth {
		if err := d.authenticate(h, p.Auth, h.up); err != nil {
			return err
		}
	}
	h.peer = p
	return nil
}

// remove says AdminDown and forgets the session; its Gone event comes later.
func (d *Daemon) remove(h *held) {
	delete(d.byKey, h.peer.Key())
	if err := d.speaker.Remove(h.discr, int64(d.cfg.ShutdownHold)); err != nil && !errors.Is(err, engine.ErrUnknown) {
		d.log.Error("remove session", "session", h.discr, "err", err)
	}
}

// AddSession creates a session of the API's.
func (d *Daemon) AddSession(ctx context.Context, spec control.SessionSpec) (control.Session, error) {
	d.mu.Lock()
	p, err := spec.Resolve(d.cfg.Profiles)
	if err != nil {
		d.mu.Unlock()
		return control.Session{}, err
	}
	if h := d.byKey[p.Key()]; h != nil {
		d.mu.Unlock()
		return control.Session{}, control.Errorf(control.CodeExists,
			"there is a session with peer %v already: local discriminator %d, owner %s", p.Peer, h.discr, h.owner)
	}
	if err := d.knownKey(p.Auth); err != nil {
		d.mu.Unlock()
		return control.Session{}, err
	}
	h, err := d.add(p, ownerAPI)
	d.mu.Unlock()
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
	p, err := c.Apply(h.peer)
	if err != nil {
		return err
	}
	return d.change(h, p)
}

// DeleteSession removes a session that the API made.
func (d *Daemon) DeleteSession(_ context.Context, id uint32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	if err != nil {
		return err
	}
	if h.owner != ownerAPI {
		return control.Errorf(control.CodeNotOwner,
			"the session with peer %v belongs to the %s: remove it there and reload", h.peer.Peer, h.owner)
	}
	d.remove(h)
	return nil
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
	d.cfg = d.cfg.Reloaded(next)
	for _, p := range removed {
		if h := d.byKey[p.Key()]; h != nil && h.owner == ownerFile {
			d.remove(h)
		}
	}
	var errs []error
	waiting := 0
	for _, p := range slices.Concat(changed, added) {
		if h := d.byKey[p.Key()]; h != nil && h.up && h.peer.Auth != p.Auth {
			waiting++
		}
		if err := d.ensure(p); err != nil {
			errs = append(errs, fmt.Errorf("peer %v: %w", p.Peer, err))
		}
	}
	if waiting > 0 {
		report.Warnings = append(report.Warnings, waitingForPeers(waiting))
	}
	d.dropKeys(next)
	return report, errors.Join(errs...)
}

// ensure makes a peer of the file exist as it is written there. A session that
// the API made before becomes the file's.
func (d *Daemon) ensure(p config.Peer) error {
	h := d.byKey[p.Key()]
	if h == nil {
		_, err := d.add(p, ownerFile)
		return err
	}
	h.owner = ownerFile
	return d.change(h, p)
}
