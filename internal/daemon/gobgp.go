package daemon

import (
	"context"
	"fmt"
	"hash/fnv"
	"path/filepath"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/gobgp"
)

// bgp is what keeps gobgpd's neighbors, and what it runs under.
type bgp struct {
	keeper *gobgp.Keeper   // nil: the file names no gobgpd
	ctx    context.Context // ends all keepers; nil before the daemon serves
	end    func()          // ends the keeper that runs
	ended  chan struct{}   // closed when it has; nil when none ever ran
	faults []string        // neighbors that have no session
}

// openGoBGP makes what keeps gobgpd's neighbors, if the file names one. d.mu is held
// once the daemon serves, as in all of this file but for runGoBGP.
func (d *Daemon) openGoBGP() error {
	g := d.cfg.GoBGP
	if g.API == "" {
		return nil
	}
	speaker, err := gobgp.Dial(g.API)
	if err != nil {
		return err
	}
	var k *gobgp.Keeper
	o := gobgp.Options{API: g.API, Speaker: speaker, Log: d.log, Listed: func(list []gobgp.Neighbor) { d.neighborsListed(k, list) }}
	if d.o.Journals != "" {
		// Several daemons on one host have control sockets of their own.
		h := fnv.New64a()
		_, _ = h.Write([]byte(d.cfg.Control.Path))
		o.Store.Path = filepath.Join(d.o.Journals, fmt.Sprintf("gobgp-%x", h.Sum64()))
	}
	k = gobgp.New(o)
	d.bgp.keeper = k
	return nil
}

// runGoBGP has it at work, and those after it, until ctx ends; what it returns waits
// for their end.
func (d *Daemon) runGoBGP(ctx context.Context) (wait func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bgp.ctx = ctx
	d.goGoBGP()
	return func() {
		d.mu.Lock()
		ended := d.bgp.ended
		d.mu.Unlock()
		if ended != nil {
			<-ended
		}
	}
}

// goGoBGP starts the keeper. It begins when the one before it has left: the two may be
// about one gobgpd, and what the former has disabled is for the latter to know.
func (d *Daemon) goGoBGP() {
	k := d.bgp.keeper
	if k == nil || d.bgp.ctx == nil {
		return
	}
	ctx, end := context.WithCancel(d.bgp.ctx)
	before, ended := d.bgp.ended, make(chan struct{})
	d.bgp.end, d.bgp.ended = end, ended
	go func() {
		defer close(ended)
		if before != nil {
			<-before
		}
		k.Run(ctx)
	}()
}

// followGoBGP makes what is kept be as the configuration has it now.
func (d *Daemon) followGoBGP(before config.GoBGP) error {
	now := d.cfg.GoBGP
	if !now.FromNeighbors {
		d.bgp.faults = nil
		d.releaseNeighbors(nil)
	}
	if before.API == now.API {
		if d.bgp.keeper != nil {
			d.bgp.keeper.Relist() // their profile may be another
		}
		return nil
	}
	if d.bgp.keeper != nil && d.bgp.end != nil {
		d.bgp.end()
	}
	d.bgp.keeper = nil
	if err := d.openGoBGP(); err != nil || d.bgp.keeper == nil {
		return err
	}
	for h := range d.byKey.All() {
		d.failedForGoBGP(h)
	}
	d.goGoBGP()
	return nil
}

// failedForGoBGP says of a session that it has failed, if it has.
func (d *Daemon) failedForGoBGP(h *held) {
	if d.bgp.keeper == nil {
		return
	}
	for _, c := range d.book.Clients(path(*h.peer)) {
		if c.Owner == h.owner() && c.View.Failed {
			d.bgp.keeper.Tell(bgpSession(h), whyDisabled(h, "failed before"))
		}
	}
}

// tellGoBGP passes on what the first owner of a session is told: failures for which
// it has waited long enough, and AdminDown as none (RFC 5882 §3.2, §4.2).
func (d *Daemon) tellGoBGP(n *clients.Notice) {
	if d.bgp.keeper == nil {
		return
	}
	h := d.heldAt(n.Key)
	if h == nil || h.owner() != n.Owner {
		return
	}
	why := ""
	if n.View.Failed {
		why = whyDisabled(h, n.Diag.String())
	}
	d.bgp.keeper.Tell(bgpSession(h), why)
}

// whyDisabled is what the neighbor reads (RFC 9003).
func whyDisabled(h *held, diag string) string {
	return fmt.Sprintf("xbfd: BFD session with %v is down: %s", h.peer.Peer, diag)
}

// goneForGoBGP says that nothing is known of a session any more.
func (d *Daemon) goneForGoBGP(h *held) {
	if d.bgp.keeper != nil {
		d.bgp.keeper.Tell(bgpSession(h), "")
	}
}

func bgpSession(h *held) gobgp.Session {
	return gobgp.Session{Peer: h.peer.Peer, Local: h.peer.Local, Interface: h.peer.Interface, Multihop: h.peer.Multihop}
}

// describeGoBGP adds to the status how it gets on with gobgpd.
func (d *Daemon) describeGoBGP(st *control.Status) {
	if d.bgp.keeper != nil {
		st.GoBGP = d.bgp.keeper.Status()
		st.Warnings = append(st.Warnings, d.bgp.faults...)
	}
}
