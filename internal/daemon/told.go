package daemon

import (
	"log/slog"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/packet"
)

// note is told by the speaker what became of sessions.
func (d *Daemon) note(events []engine.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	notices, changes := d.follow(events)
	for i := range events {
		ev := &events[i]
		h := d.byDiscr.Get(ev.Discr)
		if h == nil {
			continue
		}
		d.recordEvent(h, ev)
		d.tell(notices[i])
		if ev.Transitions > 0 {
			d.moves++
			d.tellPlanesOf(h, ev)
			if name := d.speaker.Path(ev.Discr).Interface; name != "" {
				h.ifname = name
			}
			h.up = ev.Change.To == packet.Up
			if ev.Failed && !ev.Failure.Admin {
				d.captures.ask(d.cfg.Capture.OnDown, down{h.discr, h.peer.Peer, ev.Failure.At})
			}
			d.changes.note(ev, h.ifname, slog.Uint64("session", uint64(ev.Discr)),
				slog.String("peer", h.peer.Peer.String()), slog.String("ifname", h.ifname))
		}
		if ev.AuthSwitched {
			d.authSwitched(h)
		}
		if ev.SourceChanged {
			d.log.Info("peer sends from another address", "session", ev.Discr, "peer", h.peer.Peer.String(), "ifname", h.ifname)
		}
		if ev.Gone {
			d.record(h, eventlog.Deleted, "removed", "")
			d.byDiscr.Delete(ev.Discr)
		}
	}
	d.noteRoutes(changes)
	d.awaitHolds()
	d.sweepKeys()
	select {
	case d.gone <- struct{}{}:
	default:
	}
}

// flushChanges logs what was only counted, when it is time or now.
func (d *Daemon) flushChanges(now bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now || d.changes.due() {
		d.changes.flush()
	}
}
