package daemon

import (
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// report says what c is going to do.
func (d *Daemon) report(c *change, next config.Config, warnings []string) control.ReloadReport {
	r := control.ReloadReport{
		Added: len(c.added), Removed: len(c.removed), Changed: len(c.changed) + len(c.followers),
		Unchanged: len(next.Peers) - len(c.added) - len(c.changed), RestartNeeded: d.restart,
		Settings: config.ChangedSettings(c.before, next),
	}
	for _, p := range c.added {
		r.Changes = append(r.Changes, diffOf("added", p, nil))
	}
	for _, p := range c.removed {
		r.Changes = append(r.Changes, diffOf("removed", p, nil))
	}
	had := make(map[config.Key]config.Peer)
	if len(c.changed) > 0 {
		for _, p := range c.before.Peers {
			had[p.Key()] = p
		}
	}
	for _, p := range c.changed {
		r.Changes = append(r.Changes, diffOf("changed", p, p.Changed(had[p.Key()])))
	}
	for _, w := range c.followers {
		h := d.byKey.Get(w.peer.Key())
		r.Changes = append(r.Changes, diffOf("changed", *w.peer, w.peer.Changed(*h.wants[h.at(ownerAPI)].peer)))
	}
	for _, w := range next.Warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	r.Warnings = append(r.Warnings, warnings...)
	return r
}

func diffOf(what string, p config.Peer, fields []string) control.SessionDiff {
	return control.SessionDiff{
		What: what, Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF, Multihop: p.Multihop, Fields: fields,
	}
}
