package daemon

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/internal/routes"
)

// watchRoutes asks for the sessions that routes and addresses of cfg depend on and
// that the file does not have. What cannot be had now is tried again each second.
// d.mu is held, as in all of this file but for closeRoutes.
func (d *Daemon) watchRoutes(cfg config.Config) {
	for _, p := range cfg.Watched() {
		d.watchRoute(p)
	}
}

func (d *Daemon) watchRoute(p config.Peer) {
	h := d.meant(p)
	if h != nil {
		if i := h.at(ownerRoutes); i >= 0 && *h.wants[i].peer == p {
			return
		}
	}
	err := d.excluded(p)
	if err == nil || h != nil {
		_, err = d.register(want{owner: ownerRoutes, peer: &p})
	}
	if err == nil {
		delete(d.unwatched, p.Key())
		return
	}
	if had := d.unwatched[p.Key()]; had != err.Error() {
		d.log.Warn("no session for a route or address", "peer", p.Peer.String(), "ifname", p.Interface, "err", err)
	}
	d.unwatched[p.Key()] = err.Error()
}

// keepWatched has routes and addresses of cfg be owners of sessions that there are.
func (d *Daemon) keepWatched(cfg config.Config) {
	for _, p := range cfg.Watched() {
		if d.byKey.Get(p.Key()) != nil {
			d.watchRoute(p)
		}
	}
}

// unwatchRoutes ends sessions that no route or address of cfg needs.
func (d *Daemon) unwatchRoutes(cfg config.Config) {
	needed := make(map[config.Key]bool)
	for _, p := range cfg.Watched() {
		needed[p.Key()] = true
	}
	for key := range d.unwatched {
		if !needed[key] {
			delete(d.unwatched, key)
		}
	}
	for _, h := range slices.Collect(d.byKey.All()) {
		if h.at(ownerRoutes) < 0 || needed[h.peer.Key()] {
			continue
		}
		if err := d.release(h, ownerRoutes); err != nil {
			d.log.Error("release session of a route", "peer", h.peer.Peer.String(), "err", err)
		}
	}
}

// retryRoutes asks again for what could not be had.
func (d *Daemon) retryRoutes() {
	if len(d.unwatched) > 0 || d.unkept != nil {
		d.watchRoutes(d.cfg)
		d.keepRoutes()
	}
}

// keepRoutes makes the kernel's routes and addresses those of the configuration.
// Without any, and while there never were, nothing is opened.
func (d *Daemon) keepRoutes() {
	specs := routeSpecs(d.cfg)
	if d.routes == nil {
		before := d.unkept
		if d.unkept = nil; len(specs) == 0 {
			return
		}
		if d.unkept = d.openRoutes(); d.unkept != nil {
			if before == nil || before.Error() != d.unkept.Error() {
				d.log.Error("routes and addresses are not kept", "err", d.unkept)
			}
			return
		}
	}
	d.noteRoutes(d.routes.Set(specs, d.routeStates()))
}

func (d *Daemon) openRoutes() (err error) {
	in := d.o.In
	if in == nil {
		in = func(fn func() error) error { return fn() }
	}
	var kernel routes.Kernel
	err = in(func() (err error) {
		if err = d.claimRoutes(); err == nil {
			kernel, err = routes.Open()
		}
		return err
	})
	if err != nil {
		d.claim.Close()
		d.claim = nil
		return err
	}
	d.routes = routes.NewManager(routes.Options{
		Kernel: kernel, Now: func() session.Time { return session.Time(wire.Now()) }, Logger: d.logs.logger(topicNetwork),
		Changed: func(changes []routes.Change) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.noteRoutes(changes)
		},
	})
	return nil
}

// claimRoutes sees to it that nobody else keeps any here: each would remove the other's.
// Who may not write to the directory has to do without.
func (d *Daemon) claimRoutes() (err error) {
	if d.o.Journals == "" {
		return nil
	}
	d.claim, err = leftovers.NewClaim(d.o.Journals, "routes")
	if errors.Is(err, leftovers.ErrClaimed) {
		return fmt.Errorf("they are %w, and two would remove each other's: have one xbfd keep all of them", err)
	}
	return nil
}

// closeRoutes withdraws what is not to outlive the daemon. d.mu is not held.
func (d *Daemon) closeRoutes() {
	d.mu.Lock()
	m := d.routes
	d.mu.Unlock()
	if m == nil {
		return
	}
	changes := m.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claim.Close()
	d.noteRoutes(changes)
}

// routeSpecs returns what a configuration asks for.
func routeSpecs(cfg config.Config) []routes.Spec {
	list := make([]routes.Spec, 0, len(cfg.Routes)+len(cfg.NexthopGroups)+len(cfg.Addresses))
	policy := func(s *routes.Spec, p config.Policy) {
		s.Hold, s.Present, s.AdminFails, s.Withdraw = p.Hold, p.Present, p.AdminFails, p.Withdraw
	}
	via := func(s *routes.Spec, gateways []config.Gateway) {
		for _, g := range gateways {
			s.Members = append(s.Members, routes.Member{
				Session: path(g.Session), Hop: routes.Hop{Gateway: g.Address, Interface: g.Interface, Weight: g.Weight},
			})
		}
	}
	for _, r := range cfg.Routes {
		s := routes.Spec{Prefix: r.Prefix, Group: r.Group, VRF: r.VRF, Table: r.Table, Metric: r.Metric, Raise: r.Raise, Source: r.Source}
		policy(&s, r.Policy)
		via(&s, r.Via)
		list = append(list, s)
	}
	for _, g := range cfg.NexthopGroups {
		s := routes.Spec{ID: g.ID}
		policy(&s, g.Policy)
		via(&s, g.Via)
		list = append(list, s)
	}
	for _, a := range cfg.Addresses {
		s := routes.Spec{Prefix: a.Address, Interface: a.Interface, All: a.All}
		policy(&s, a.Policy)
		for _, w := range a.Peers {
			s.Members = append(s.Members, routes.Member{Session: path(w.Session)})
		}
		list = append(list, s)
	}
	return list
}

// decides tells whether what a client of a session hears is for routes.
func decides(owner string) bool { return owner == ownerFile || owner == ownerRoutes }

// routeStates returns the states of the sessions that routes and addresses may
// depend on.
func (d *Daemon) routeStates() []routes.Told {
	var list []routes.Told
	had := make(map[clients.Key]bool)
	for _, s := range routeSpecs(d.cfg) {
		for _, m := range s.Members {
			if had[m.Session] {
				continue
			}
			had[m.Session] = true
			for _, c := range d.book.Clients(m.Session) {
				if decides(c.Owner) {
					list = append(list, routes.Told{Session: m.Session, State: routes.StateOf(c.View)})
				}
			}
		}
	}
	return list
}

// tellRoutes has routes and addresses follow what clients of sessions are told. It
// returns when the kernel has changed.
func (d *Daemon) tellRoutes(notices []clients.Notice) []routes.Change {
	if d.routes == nil {
		return nil
	}
	d.told = d.told[:0]
	for i := range notices {
		if n := &notices[i]; decides(n.Owner) {
			d.told = append(d.told, routes.Told{Session: n.Key, State: routes.StateOf(n.View), At: n.At})
		}
	}
	if len(d.told) == 0 {
		return nil
	}
	return d.routes.Tell(d.told)
}

// follow takes in what became of sessions and acts on it: what has failed is no
// longer used before anything is written down. It returns what the owners of each
// session are to be told.
func (d *Daemon) follow(events []engine.Event) (notices [][]clients.Notice, changes []routes.Change) {
	notices = make([][]clients.Notice, len(events))
	var all []clients.Notice
	for i := range events {
		h := d.byDiscr.Get(events[i].Discr)
		if h == nil || !tells(&events[i]) || d.byKey.Get(h.peer.Key()) != h {
			continue
		}
		notices[i] = d.book.Observe(path(*h.peer), clients.Transitions(&events[i])...)
		all = append(all, notices[i]...)
	}
	return notices, d.tellRoutes(all)
}

// tells reports whether an event is for the owners of its session: a change of state,
// or one of the peer's AdminDown alone (RFC 5882 §4.2).
func tells(ev *engine.Event) bool { return ev.Transitions > 0 || ev.RemoteAdmin }
