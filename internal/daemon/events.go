package daemon

import (
	"cmp"
	"context"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/packet"
)

// Events returns a reader of what happens.
func (d *Daemon) Events(_ context.Context, q control.EventQuery) (control.EventReader, error) {
	return d.events.Reader(q)
}

// about starts the record of an event of a session. d.mu is held, as in all of
// this file.
func (d *Daemon) about(h *held, kind, cause string) eventlog.Record {
	p := d.speaker.Path(h.discr)
	r := eventlog.Record{
		At: time.Now().UnixNano(), Kind: kind, Cause: cause, Discr: h.discr,
		Peer: packet.AddrFrom(h.peer.Peer), VRF: cmp.Or(p.Path.VRF, h.peer.VRF), Profile: h.peer.Profile,
		Interface: cmp.Or(p.Interface, h.ifname),
	}
	switch {
	case p.Path.Local.IsValid():
		r.Local = packet.AddrFrom(p.Path.Local)
	case h.peer.Local.IsValid():
		r.Local = packet.AddrFrom(h.peer.Local)
	}
	return r
}

// recordEvent notes what an event of the engine says. A failure that was followed
// by something else before anybody looked is told first (see engine.Event).
func (d *Daemon) recordEvent(h *held, ev *engine.Event) {
	if ev.AuthSwitched {
		d.record(h, eventlog.Changed, "auth-switched", "")
	}
	if ev.SourceChanged {
		d.record(h, eventlog.Changed, "peer-source", "")
	}
	if ev.RemoteAdmin {
		cause := "remote-admin-up"
		if ev.Change.Remote == packet.AdminDown {
			cause = "remote-admin-down"
		}
		d.record(h, eventlog.Changed, cause, "")
	}
	if ev.Transitions == 0 {
		return
	}
	told := uint32(1)
	if f := failureBefore(ev); f != nil {
		d.recordState(h, ev, *f, 0)
		told++
	}
	d.recordState(h, ev, ev.Change, ev.Transitions-min(ev.Transitions, told))
}

func (d *Daemon) recordState(h *held, ev *engine.Event, c engine.Change, merged uint32) {
	kind := eventlog.Changed
	switch {
	case c.To == packet.Up:
		kind = eventlog.Up
	case c.To == packet.AdminDown:
		kind = eventlog.AdminDown
	case c.To == packet.Down && c.From != packet.AdminDown:
		kind = eventlog.Down
	}
	r := d.about(h, kind, causeOf(c))
	r.At -= int64(wire.Now() - c.At)
	h.times.entered(c.To, r.At)
	r.Moved, r.From, r.To, r.Diag, r.Merged = true, c.From, c.To, c.Diag, merged
	switch {
	case ev.Failed && c.At == ev.Failure.At:
		r.Failed, r.Evidence = true, eventlog.EvidenceOf(&ev.Failure)
		r.Heard, r.LastRx = true, r.Evidence.Silent
		h.failure = &eventlog.Evidence{}
		*h.failure = r.Evidence
	case ev.Heard:
		r.Heard, r.LastRx = true, int64(c.At-ev.LastRx)
	}
	if c.From == packet.Up {
		d.downs[r.Cause]++
	}
	d.events.Add(r)
}

// failureBefore returns the failure that an event tells of, if the latest change
// is another.
func failureBefore(ev *engine.Event) *engine.Change {
	if !ev.Failed || ev.Change.At == ev.Failure.At {
		return nil
	}
	f := engine.Change{At: ev.Failure.At, From: packet.Up, To: packet.Down, Diag: ev.Failure.Diag, Remote: packet.Down}
	if ev.Failure.Admin {
		f.Remote = packet.AdminDown
	}
	return &f
}

// recordNotice notes that a client of a session was told something, but for the
// file and the API, to which every change of state is an event of its own.
func (d *Daemon) recordNotice(n *clients.Notice) {
	if n.Owner == ownerFile || n.Owner == ownerAPI {
		return
	}
	if h := d.heldAt(n.Key); h != nil {
		r := d.about(h, eventlog.Changed, "client-told")
		r.By, r.Detail = n.Owner, n.Kind.String()
		d.events.Add(r)
	}
}

// heldAt returns the session that clients know by a key, nil if it is gone.
func (d *Daemon) heldAt(at clients.Key) *held {
	k := config.Key{Peer: at.Peer, Local: at.Local, Interface: at.Interface, VRF: at.VRF, Multihop: at.Multihop}
	if h := d.byKey.Get(k); h != nil {
		return h
	}
	k.Unaffiliated = true
	return d.byKey.Get(k)
}

// recordWish notes that a session is there, or is another, because an owner asked
// for that.
func (d *Daemon) recordWish(h *held, c clients.Change, owner string) {
	switch c.Do {
	case clients.Create:
		d.record(h, eventlog.Created, "asked-for", owner)
	case clients.Configure:
		d.record(h, eventlog.Changed, "configured", owner)
	}
}

// keptEvents is how many events can be read again.
const keptEvents = 4096

// historyLen is how many of its latest events a session shows.
const historyLen = 8

// history returns the latest events of a session, but for near misses, the latest
// first, as far as they are kept. It needs no lock.
func (d *Daemon) history(discr uint32) []control.Event {
	list := d.events.Last(historyLen, func(r *eventlog.Record) bool { return r.Discr == discr && r.Kind != eventlog.NearMiss })
	for i := range list {
		list[i].Session = nil // that is known
	}
	return list
}

// record notes what happened to a session besides its state.
func (d *Daemon) record(h *held, kind, cause, by string) {
	r := d.about(h, kind, cause)
	r.By = by
	d.events.Add(r)
}
