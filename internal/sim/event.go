package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// story is what the clients of a session must be told.
type story struct {
	failed []session.Time // failures no event has told of yet
	state  packet.State   // where the last event left it
	moved  uint64         // transitions told
	told   bool           // an event has come
}

func (s *story) failures(at session.Time, n uint64) {
	for range n {
		s.failed = append(s.failed, at)
	}
}

// event is rule (g) for an event that somebody has read.
func (v *Watch) event(h *Host, ev *engine.Event) {
	if v == nil {
		return
	}
	var l *ledger
	for _, o := range v.all {
		if o.host == h && o.discr == ev.Discr {
			l = o
		}
	}
	if l == nil {
		v.fail(h.name, "(g) event of no session: %+v", *ev)
		return
	}
	s := &l.events
	v.world.note(h.name, "event of %08x: %v, %d transitions, failed %v, gone %v", ev.Discr, ev.Change.To, ev.Transitions, ev.Failed, ev.Gone)
	if s.told && ev.From != s.state {
		l.fail("(g) event from %v, the last one left it %v", ev.From, s.state)
	}
	s.told, s.state, s.moved = true, ev.Change.To, s.moved+uint64(ev.Transitions)

	s.failed = s.failed[l.covered(ev):]
	if ev.Failed {
		l.checkEvidence(&ev.Failure)
	}
}

// covered returns how many of the failures not told of yet an event covers.
// Those before its change it must, those at the same instant it may: one instant
// can see several Steps.
func (l *ledger) covered(ev *engine.Event) int {
	failed, start := l.events.failed, l.watch.world.start
	must := 0
	for must < len(failed) && failed[must] < ev.Change.At {
		must++
	}
	may := must
	for may < len(failed) && failed[may] == ev.Change.At {
		may++
	}
	if !ev.Failed || ev.Failure.Admin {
		if must > 0 {
			l.fail("(g) the failure at %.6f s is in no event", seconds(failed[must-1]-start))
		}
		return must
	}
	for n := may; n >= max(must, 1); n-- {
		if failed[n-1] == ev.Failure.At {
			return n
		}
	}
	l.fail("(g) the event tells of a failure at %.6f s, the failures were at %v", seconds(ev.Failure.At-start), failed)
	return may
}

// checkStories is rule (g) at the end, when everything has been read.
func (v *Watch) checkStories() {
	for _, l := range v.all {
		if len(l.events.failed) > 0 && !l.dead {
			l.fail("(g) %d failures are in no event", len(l.events.failed))
		}
		if l.seen && !l.dead && l.events.told && l.events.state != l.status.State {
			l.fail("(g) the events leave it %v, it is %v", l.events.state, l.status.State)
		}
		if l.seen && !l.dead && l.events.moved < moves(&l.status) {
			l.fail("(g) events tell of %d transitions, there were %d", l.events.moved, moves(&l.status))
		}
	}
}
