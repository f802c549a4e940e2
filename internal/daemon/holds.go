package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/control"
)

// expireHolds tells owners of failures that have lasted as long as they wanted.
// d.mu is held, as in all of this file.
func (d *Daemon) expireHolds() {
	notices := d.book.Expire(session.Time(wire.Now()))
	changes := d.tellRoutes(notices)
	d.tell(notices)
	d.noteRoutes(changes)
}

// awaitHolds has expireHolds called when the next failure that is held back is due.
func (d *Daemon) awaitHolds() {
	due := d.book.Deadline()
	if due == session.Never {
		return
	}
	wait := time.Duration(due - session.Time(wire.Now()))
	if d.holds != nil {
		d.holds.Reset(wait)
		return
	}
	d.holds = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.expireHolds()
		d.awaitHolds()
	})
}

func (d *Daemon) tell(notices []clients.Notice) {
	debug := d.debugEvents.Enabled(context.Background(), slog.LevelDebug)
	for i := range notices {
		n := &notices[i]
		d.recordNotice(n)
		d.tellGoBGP(n)
		if !debug {
			continue
		}
		d.debugEvents.Debug("client told", "client", n.Owner, "peer", n.Key.Peer.String(), "ifname", n.Key.Interface,
			"what", n.Kind.String(), "state", n.View.State.String())
	}
}

// describeClients shows the owners of a session and how it looks to each.
func (d *Daemon) describeClients(h *held) []control.SessionClient {
	d.expireHolds()
	var list []control.SessionClient
	for _, c := range d.book.Clients(path(*h.peer)) {
		list = append(list, control.SessionClient{
			Name: c.Owner, State: c.View.State.String(), Administrative: c.View.Admin, Failed: c.View.Failed,
			AdjacencyAllowed: c.View.AdjacencyAllowed, HoldOff: uint32(c.Wish.HoldOff / session.Microsecond),
			ClientFlags: control.ClientFlags{DependsOnlyOnBFD: c.Wish.DependsOnlyOnBFD, AssumeCapable: c.Wish.AssumeCapable},
		})
	}
	return list
}
