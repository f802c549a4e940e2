package engine

import (
	"fmt"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Signal tells a session what somebody outside BFD knows, by the diagnostic that
// stands for it:
//
//   - DiagForwardingReset: this host's forwarding plane was reset, the session
//     goes Down (RFC 5880 §6.8.15).
//   - DiagPathDown: the path has failed, the session is AdminDown until DiagNone
//     takes that back (§6.8.16).
//   - DiagConcatPathDown, DiagReverseConcat: a path that continues this one has
//     failed, the peer is told and the state stays (§6.8.17).
//   - DiagNone: takes the last three back.
//
// Other diagnostics are an error: they belong to the session itself.
func (e *Engine) Signal(discr uint32, diag packet.Diag) error {
	switch diag {
	case packet.DiagNone, packet.DiagForwardingReset, packet.DiagPathDown, packet.DiagConcatPathDown, packet.DiagReverseConcat:
	default:
		return fmt.Errorf("session %#08x: diagnostic %v is not for others to set", discr, diag)
	}
	return e.change(discr, func(s *session.Session, now session.Time, rng *session.Rand) session.Outcome {
		switch diag {
		case packet.DiagForwardingReset:
			return s.ForwardingReset(now, rng)
		case packet.DiagPathDown:
			return s.Admin(now, true, diag, rng)
		case packet.DiagNone:
			out := s.Admin(now, false, packet.DiagPathDown, rng)
			if d := s.Diag(); d == packet.DiagConcatPathDown || d == packet.DiagReverseConcat {
				out |= s.Concatenated(now, diag, rng)
			}
			return out
		}
		return s.Concatenated(now, diag, rng)
	})
}

// Poll starts a Poll Sequence: in Demand mode a check of the path, otherwise a
// question that the peer answers and nothing else. Unaffiliated Echo ignores it.
func (e *Engine) Poll(discr uint32) error {
	return e.change(discr, func(s *session.Session, _ session.Time, _ *session.Rand) session.Outcome {
		s.Verify()
		return 0
	})
}

// change lets a session do something between packets.
func (e *Engine) change(discr uint32, fn func(*session.Session, session.Time, *session.Rand) session.Outcome) error {
	return e.with(discr, func(r *record) {
		e.post(r.worker, func(w *Worker, now session.Time) {
			s := &w.slots[r.slot].session
			before := w.evidenceOf(r.slot)
			w.apply(r.slot, fn(s, now, &w.rng), now, before)
		})
	})
}

// SetChecks changes what packets a session accepts: a multihop session those
// with at least minTTL (0 means 254), a single-hop session with strict those
// that arrive on its path's interface.
func (e *Engine) SetChecks(discr uint32, minTTL uint8, strict bool) error {
	return e.with(discr, func(r *record) {
		e.post(r.worker, func(w *Worker, _ session.Time) {
			sl := &w.slots[r.slot]
			sl.minTTL, sl.strict = floor(minTTL), strict
			w.unexpect(sl) // what was expected may be refused now
		})
	})
}

// DefaultMinTTL is the least TTL accepted from a peer that may be hops away: as
// FRR has it, one router between. RFC 5883 leaves it to the operator.
const DefaultMinTTL = 254

func floor(minTTL uint8) uint8 {
	if minTTL == 0 {
		return DefaultMinTTL
	}
	return minTTL
}
