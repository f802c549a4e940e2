package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
	"github.com/xbfd/xbfd/timerwheel"
)

// How long a worker waits, before it believes a silence, for others that may
// hold frames of its sessions, and how often it looks again.
const (
	handoffGrace = 5 * Millisecond
	handoffRetry = 200 * Microsecond
)

// grace is how much later than its time a silence may be believed when frames
// may come from other workers.
func (l *ledger) grace() session.Time {
	if len(l.host.threads) == 1 {
		return 0
	}
	return handoffGrace + handoffRetry
}

// stallSettle is how long a worker waits after a stall of a quarter of the
// Detection Time, for a peer on a host that stood still with its own.
const stallSettle = 5 * Millisecond

// settled is when a stall no longer keeps a silence since some instant from
// being believed.
func (l *ledger) settled(t *thread, since, detection session.Time) session.Time {
	if t.resumed <= since || 4*t.missed < detection {
		return 0
	}
	return t.resumed + min(t.missed, stallSettle) + handoffRetry
}

// checkDetection is rules (a) and (b).
func (l *ledger) checkDetection(s *step, st *engine.Status) {
	forgot := st.Remote.Discr == 0
	if forgot && l.known {
		l.checkSilence(s, st)
		l.forget()
	}
	if forgot && (st.State == packet.Init || st.State == packet.Up) {
		l.fail("(b) is %v and has forgotten its peer (RFC 5880 §6.8.4)", st.State)
	}
	if !forgot && !l.known {
		l.fail("(f) has heard a peer that said nothing to it: %+v", st.Remote)
	}
	if l.params.Kind == session.Unaffiliated && st.Diag == packet.DiagControlExpiry {
		l.fail("(a) unaffiliated Echo is Down with diagnostic 1 (RFC 9747 §2)")
	}
	if moves(st) != moves(&l.status) && st.State == packet.Down && st.Diag == packet.DiagControlExpiry && !forgot {
		l.fail("(a) is Down with diagnostic 1 and its peer not forgotten (RFC 5880 §6.8.1)")
	}
	if !l.known || s.next <= s.now || st.Demand.Local {
		return
	}
	lo, dt := l.detection()
	from := max(l.at, l.spared)
	switch end := max(from+dt, l.settled(s.thread, from, lo)) + l.grace(); {
	case s.now >= end:
		l.fail("(b) is %v %.6f s after it last heard its peer, the Detection Time being %.6f s",
			st.State, seconds(s.now-l.at), seconds(dt))
	case s.next > end+timerwheel.Tick:
		l.fail("(b) asks to be called %.6f s after the Detection Time", seconds(s.next-end))
	}
}

// checkSilence: the session has just declared its peer silent.
func (l *ledger) checkSilence(s *step, st *engine.Status) {
	down := st.Change.At == s.now && st.Diag == l.silenceDiag()
	if l.status.Demand.Local && down {
		l.checkUnanswered(s)
		return
	}
	dt, _ := l.detection()
	switch {
	case !down:
	case l.params.Kind == session.Unaffiliated:
		l.watch.Downs.Unaffiliated++
	default:
		l.watch.Downs.Silence++
	}
	if s.now-l.at < dt {
		l.fail("(a) silence declared %.6f s after the last accepted packet, Detection Time %.6f s",
			seconds(s.now-l.at), seconds(dt))
	}
	// A worker waits for the others, but not for ever.
	others := s.now < l.at+dt+handoffGrace
	if l.watch.waiting(l, l.at+dt, others) {
		l.fail("(a) silence declared while a packet waits in a ring that arrived before the Detection Time of %.6f s was over", seconds(dt))
	}
}
