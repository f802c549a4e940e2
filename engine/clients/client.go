package clients

import (
	"unique"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// client is one owner's share in a session.
type client struct {
	of    *shared
	owner string
	order uint64              // of registration
	wish  unique.Handle[Wish] // most clients of a host ask for the same

	told   *Transition // the latest it knows of; shared with the others that do
	failed bool        // told of a failure, and of neither Up nor AdminDown since
	held   *outage     // nil: no failure is held back
}

// outage is a failure that is held back from a client.
type outage struct {
	lost  *Transition
	until session.Time // when it is told
}

// Observe takes in what happened to the session of a path, in order, and returns
// what its clients must be told. Transitions are those of the session in place:
// one that was removed is nobody's any more. A path without clients has nobody
// to tell.
func (b *Book) Observe(key Key, transitions ...Transition) []Notice {
	s := b.paths.Get(key)
	if s == nil {
		return nil
	}
	var notices []Notice
	for i := range transitions {
		t := new(transitions[i]) // the caller may use its own again
		s.last = t
		s.wasUp = s.wasUp || t.To == packet.Up || t.From == packet.Up
		s.heard = s.heard || s.wasUp || t.To == packet.Init || t.Remote != packet.Down
		for _, c := range s.clients {
			notices = b.observe(notices, s, c, t)
		}
	}
	return notices
}

// observe appends what one client must be told of t.
func (b *Book) observe(notices []Notice, s *shared, c *client, t *Transition) []Notice {
	if c.held != nil {
		if t.To != packet.Up {
			return notices
		}
		if t.At < c.held.until { // back in time (RFC 5882 §3.1)
			b.release(c)
			c.told = t
			return notices
		}
		notices = append(notices, b.outlasted(s, c))
	}
	kind := c.kind(t)
	if kind == Failure && c.wish.Value().HoldOff > 0 {
		b.hold(c, t)
		return notices
	}
	before := s.view(c)
	n := s.tell(c, kind, t)
	if t.From == t.To && n.View == before {
		return notices
	}
	return append(notices, n)
}

// kind says what a transition means to the client.
func (c *client) kind(t *Transition) Kind {
	switch {
	case t.To == packet.Up:
		return Up
	case t.Administrative() && !c.wish.Value().DependsOnlyOnBFD:
		return Admin
	case c.told.To == packet.Up:
		return Failure
	}
	return Progress
}

// tell makes the notice of a transition, which the client knows of from then on.
func (s *shared) tell(c *client, kind Kind, t *Transition) Notice {
	c.told = t
	if kind != Progress {
		c.failed = kind == Failure
	}
	return Notice{
		Key: s.key, Owner: c.owner, Kind: kind,
		Transition: *t, LocalCPI: merge(s.clients).Params.CPI, View: s.view(c),
	}
}
