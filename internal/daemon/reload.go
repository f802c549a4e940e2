package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

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
		return control.ReloadReport{}, control.Refused(err)
	}
	report, err := d.become(next)
	if err != nil {
		d.reloaded.Error = err.Error()
		return report, err
	}
	d.logReport("reloaded", report)
	return report, nil
}

func (d *Daemon) logReport(what string, r control.ReloadReport) {
	d.log.Info(what, "added", r.Added, "removed", r.Removed, "changed", r.Changed, "unchanged", r.Unchanged)
}

// change is what another configuration does to sessions.
type change struct {
	before                  config.Config
	added, removed, changed []config.Peer
	followers               []want // the API's, whose profile is another one now
}

// asking are the sessions as they are to be.
func (c *change) asking() []config.Peer {
	list := slices.Concat(c.changed, c.added)
	for _, w := range c.followers {
		list = append(list, *w.peer)
	}
	return list
}

// become turns the sessions of the file into those of another configuration, and
// has the API's follow their profiles.
func (d *Daemon) become(next config.Config) (report control.ReloadReport, err error) {
	c := change{before: d.cfg}
	c.added, c.removed, c.changed = config.Diff(d.cfg.Peers, next.Peers)
	var warnings []string
	if c.followers, warnings, err = d.followers(next); err != nil {
		return report, err
	}
	if err := d.checkKeys(next, c.removed, c.asking()); err != nil {
		return report, err
	}
	if err := d.mayBecome(&c); err != nil {
		return report, err
	}
	if err := d.setKeys(next); err != nil {
		return report, err
	}
	d.restart = config.RestartNeeded(d.cfg, next)
	report = d.report(&c, next, warnings)
	d.cfg = d.cfg.Reloaded(next)
	d.logs.set(next.Log)
	d.hooks.Set(next.Hooks)
	if c.before.Transport != next.Transport || !slices.Equal(c.before.Interfaces, next.Interfaces) {
		d.speaker.SetInterfaces(next.TransportFor, next.EchoLoopFor, next.SteerToFor, "the configuration has changed")
	}
	if c.before.EchoSource != next.EchoSource {
		d.setEchoSource(next.EchoSource)
	}
	d.keepWatched(next) // before the file lets go of them
	waiting, err := d.carryOut(&c)
	d.watchRoutes(next)
	d.unwatchRoutes(next)
	d.keepRoutes()
	if err := d.followGoBGP(c.before.GoBGP); err != nil {
		report.Warnings = append(report.Warnings, "gobgp: "+err.Error())
	}
	if waiting > 0 {
		report.Warnings = append(report.Warnings, waitingForPeers(waiting))
	}
	report.Warnings = append(report.Warnings, d.capacityWarnings()...)
	d.dropKeys(next)
	d.shareFile()
	return report, err
}

// shareFile has what the file asks for in memory once, however many reloads ago it
// began to.
func (d *Daemon) shareFile() {
	for i := range d.cfg.Peers {
		p := &d.cfg.Peers[i]
		h := d.byKey.Get(p.Key())
		if h == nil {
			continue
		}
		at := h.at(ownerFile)
		if at < 0 {
			continue
		}
		w := h.wants[at]
		was := *w.peer
		was.Line = p.Line
		if was == *p { // the API has not changed it since
			w.peer = p
			h.put(at, w)
		}
	}
}

// followers returns the sessions of the API that another configuration's
// profiles change, as they are to be, and a warning for each that cannot follow.
func (d *Daemon) followers(next config.Config) (list []want, warnings []string, err error) {
	inFile := make(map[config.Key]bool)
	for _, p := range next.Peers {
		inFile[p.Key()] = true
	}
	for h := range d.byKey.All() {
		key, i := h.peer.Key(), h.at(ownerAPI)
		if i < 0 || h.wants[i].own == nil || inFile[key] {
			continue
		}
		w := h.wants[i]
		p, faults := config.NewPeer(key, w.peer.Profile, w.own.Settings, next.Profiles)
		switch {
		case len(faults) > 0:
			warnings = append(warnings, fmt.Sprintf("session with peer %v: stays as it was, its profile %q does not suit it: %v", key.Peer, w.peer.Profile, faults[0]))
		case p != *w.peer:
			w.peer = &p
			list = append(list, w)
		}
	}
	return list, warnings, nil
}

// mayBecome refuses what the other clients of a session, or another session,
// rule out, so that nothing has been done yet.
func (d *Daemon) mayBecome(c *change) error {
	leaving := make(map[config.Key]bool)
	for _, p := range c.removed {
		if h := d.byKey.Get(p.Key()); h != nil && len(h.wants) == 1 {
			leaving[p.Key()] = true
		}
	}
	for _, p := range c.added {
		if h := d.excluding(p); h != nil && !leaving[h.peer.Key()] && d.byKey.Get(p.Key()) == nil {
			return excludedBy(p, h)
		}
	}
	for _, p := range c.asking() {
		if err := d.mayBe(p); err != nil {
			return fmt.Errorf("peer %v: %w", p.Peer, err)
		}
	}
	return nil
}

// mayBe refuses what the clients of a session that there is rule out: it is tried
// and taken back.
func (d *Daemon) mayBe(p config.Peer) error {
	h := d.known(p)
	if h == nil || h.peer.Key() != p.Key() && !h.planesOnly() || len(h.wants) == 1 && h.operator() != nil {
		return nil
	}
	p = p.Named(h.peer.Key())
	owner := cmp.Or(h.lends(), ownerFile) // whose place it takes
	w := h.obey(want{owner: owner, peer: &p})
	if _, err := d.book.Register(path(p), owner, w.wish()); err != nil {
		return inAPIWords(err)
	}
	d.undo(w)
	return nil
}

// carryOut does what c says, and returns how many sessions wait for their peers
// to change their authentication.
func (d *Daemon) carryOut(c *change) (waiting int, err error) {
	var errs []error
	for _, p := range c.removed {
		delete(d.refused, p.Key())
		if h := d.byKey.Get(p.Key()); h != nil {
			errs = append(errs, d.release(h, ownerFile))
		}
	}
	awaits := func(p config.Peer) {
		if h := d.byKey.Get(p.Key()); h != nil && h.up && h.peer.Auth != p.Auth {
			waiting++
		}
	}
	for _, p := range slices.Concat(c.changed, c.added) {
		awaits(p)
		switch err := d.ensure(&p); {
		case err == nil:
			delete(d.refused, p.Key())
		case d.refuse(p, err):
		default:
			errs = append(errs, fmt.Errorf("peer %v: %w", p.Peer, err))
		}
	}
	for _, w := range c.followers {
		awaits(*w.peer)
		if _, err := d.register(w); err != nil {
			errs = append(errs, fmt.Errorf("peer %v: %w", w.peer.Peer, err))
		}
	}
	return waiting, errors.Join(errs...)
}

// ensure makes a peer of the file exist as it is written there. A session that
// the API made before becomes the file's.
func (d *Daemon) ensure(p *config.Peer) error {
	h := d.meant(*p)
	if h == nil {
		if err := errors.Join(d.excluded(*p), d.yield(*p)); err != nil {
			return err
		}
	} else if owner := h.lends(); owner != "" {
		if err := d.hand(h, owner); err != nil {
			return err
		}
	}
	_, err := d.register(want{owner: ownerFile, peer: p})
	return err
}
