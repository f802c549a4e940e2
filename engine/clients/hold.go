package clients

import (
	"cmp"
	"slices"

	"github.com/xbfd/xbfd/engine/session"
)

// Deadline returns when Expire wants to be called: session.Never while no
// failure is held back.
func (b *Book) Deadline() session.Time {
	if len(b.holds) == 0 {
		return session.Never
	}
	return b.holds[0].held.until
}

// Expire tells of the failures that have outlasted their clients' hold-off by
// now (RFC 5882 §3.1), and of the latest that followed each. Observe what has happened by now first: a session that
// came back in time is not to be reported because its event was read late.
func (b *Book) Expire(now session.Time) []Notice {
	var notices []Notice
	for len(b.holds) > 0 && b.holds[0].held.until <= now {
		c := b.holds[0]
		s, lost := c.of, c.held.lost
		notices = append(notices, b.outlasted(s, c))
		if *s.last != *lost {
			notices = append(notices, s.tell(c, c.kind(s.last), s.last))
		}
	}
	return notices
}

// outlasted tells of the failure that is held back from c. The wish may have
// changed meanwhile, so what it means is asked again.
func (b *Book) outlasted(s *shared, c *client) Notice {
	lost := c.held.lost
	b.release(c)
	return s.tell(c, c.kind(lost), lost)
}

// hold keeps a failure back for the client's hold-off from the time it happened.
func (b *Book) hold(c *client, lost *Transition) {
	b.release(c)
	until := lost.At + min(session.Time(c.wish.Value().HoldOff), session.Never-max(lost.At, 0))
	c.held = &outage{lost, until}
	at, _ := slices.BinarySearchFunc(b.holds, c, sooner)
	b.holds = slices.Insert(b.holds, at, c)
}

// release ends the hold on c, if there is one.
func (b *Book) release(c *client) {
	if c.held == nil {
		return
	}
	if at, ok := slices.BinarySearchFunc(b.holds, c, sooner); ok {
		b.holds = slices.Delete(b.holds, at, at+1)
	}
	c.held = nil
}

// sooner orders the clients that are held by when they are told.
func sooner(a, b *client) int {
	return cmp.Or(cmp.Compare(a.held.until, b.held.until), cmp.Compare(a.order, b.order))
}
