package clients

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Transition is a change of a session's state. One whose From and To are the
// same tells of a change on the peer's side alone, of its AdminDown above all.
type Transition struct {
	engine.Change
	RemoteCPI bool            // the C bit of the last packet accepted from the peer (RFC 5880 §4.1)
	Evidence  *engine.Failure // where it was a failure, otherwise nil; only handed on, and never changed
}

// Administrative reports whether the session is down on purpose: the state here
// or, as far as known, at the peer is AdminDown, whatever the diagnostic; or
// this end took it to Down without AdminDown, which sessions held down and
// Unaffiliated Echo (RFC 9747 §2) do.
func (t *Transition) Administrative() bool {
	switch t.To {
	case packet.AdminDown:
		return true
	case packet.Down:
		// Leaving AdminDown writes no diagnostic, so there it is an old one.
		return t.Remote == packet.AdminDown || t.Diag == packet.DiagAdminDown && t.From != packet.AdminDown
	}
	return false
}

// Transitions takes an event apart into the transitions that clients must hear
// of: while nobody read, several may have been merged into it. A failure comes
// before what followed it, a session's coming up before its failure. It returns
// none for an event that tells of no change that concerns clients.
func Transitions(ev *engine.Event) []Transition {
	if ev.Transitions == 0 {
		if !ev.RemoteAdmin {
			return nil
		}
		c := ev.Change
		c.From = c.To
		return []Transition{{Change: c, RemoteCPI: ev.RemoteCPI}}
	}
	var list []Transition
	state := ev.From
	add := func(c engine.Change, evidence *engine.Failure, wasUp session.Time) {
		if c.From == packet.Up && state != packet.Up {
			up := engine.Change{At: wasUp, From: state, To: packet.Up, Remote: packet.Up}
			list = append(list, Transition{Change: up, RemoteCPI: ev.RemoteCPI})
		}
		list = append(list, Transition{Change: c, RemoteCPI: ev.RemoteCPI, Evidence: evidence})
		state = c.To
	}
	last := ev.Change
	switch f := ev.Failure; {
	case ev.Failed && f.At == last.At && last.From == packet.Up && last.To == packet.Down:
		add(last, &f, f.LastRx)
		return list
	case ev.Failed:
		c := engine.Change{At: f.At, From: packet.Up, To: packet.Down, Diag: f.Diag, Remote: packet.Down}
		if f.Admin {
			c.Remote = packet.AdminDown
		}
		add(c, &f, f.LastRx)
	case state == packet.Up && last.From != packet.Up:
		// No failure is ever merged away, so it was taken down here.
		add(engine.Change{
			At: last.At, From: packet.Up, To: packet.AdminDown, Diag: packet.DiagAdminDown, Remote: packet.Up,
		}, nil, last.At)
	}
	add(last, nil, last.At)
	return list
}
