package session

import "github.com/xbfd/xbfd/packet"

// Congestion, of the path or of this processor, shows as packets that are
// missing and packets that leave late. A session that the operator gave room to
// (Params.Ceiling) then doubles its intervals by Poll, and halves them again when
// all is calm (RFC 5880 §7). Nothing flaps: a slower rate is agreed on before it
// is used.
type congestion struct {
	shift   uint8 // how often the intervals are doubled
	strikes uint8
}

const (
	strikesToSlow = 3                 // signs of congestion that slow a session
	strikeWindow  = 16                // Detection Times after which they are forgotten
	calmWindow    = 64                // Detection Times without one that speed it up again
	calmFloor     = Time(10 * Second) // or this, if longer
	maxShift      = 16
)

// stretch returns an interval as congestion has it now.
func (c congestion) stretch(us, ceiling uint32) uint32 {
	if c.shift == 0 || us >= ceiling {
		return us
	}
	return uint32(min(uint64(us)<<c.shift, uint64(ceiling)))
}

// Slowed returns how often congestion has doubled the intervals.
func (s *Session) Slowed() uint8 { return s.congestion.shift }

func (s *Session) watchesCongestion() bool {
	return s.params.Ceiling != 0 && s.state == packet.Up && !s.demand
}

// noteGap looks for a packet that should have come between the last one and one
// that arrives now: without loss no gap is longer than the peer's interval.
func (s *Session) noteGap(arrival Time) {
	interval := Time(max(s.rxInForce, s.remoteMinTx)) * Time(Microsecond)
	if s.params.Kind != Unaffiliated && s.watchesCongestion() && arrival-s.lastRx > interval+interval/2 {
		s.strike(arrival)
	}
}

// noteLate looks for a packet of ours that leaves half an interval late or more.
// While the peer's demand is active there is no schedule to be late for.
func (s *Session) noteLate(now, due Time, rng *Rand) Outcome {
	if !s.watchesCongestion() || s.remoteDemandActive() || now-due < Time(s.TxInterval())*Time(Microsecond)/2 {
		return 0
	}
	s.strike(now)
	return s.advertise(now, false, rng)
}

func (s *Session) strike(now Time) {
	c := &s.congestion
	if now-s.struck > strikeWindow*Time(s.DetectionTime()) {
		c.strikes = 0
	}
	s.struck = now
	if c.strikes++; c.strikes >= strikesToSlow {
		c.strikes = 0
		c.shift = min(c.shift+1, maxShift)
		for c.shift > 0 && s.slowest(c.shift-1) {
			c.shift-- // more would change nothing, and only take longer to undo
		}
	}
}

// slowest reports whether at this shift both intervals are at the ceiling.
func (s *Session) slowest(shift uint8) bool {
	at := congestion{shift: shift}
	slower := congestion{shift: shift + 1}
	p := &s.params
	return at.stretch(p.DesiredMinTx, p.Ceiling) == slower.stretch(p.DesiredMinTx, p.Ceiling) &&
		at.stretch(p.RequiredMinRx, p.Ceiling) == slower.stretch(p.RequiredMinRx, p.Ceiling)
}

// calmDeadline is when a slowed session has seen no sign for long enough.
func (s *Session) calmDeadline() Time {
	if s.congestion.shift == 0 {
		return Never
	}
	return s.struck + max(calmWindow*Time(s.DetectionTime()), calmFloor)
}

func (s *Session) calmed(now Time, rng *Rand) Outcome {
	borne := s.DetectionTime()
	s.congestion.shift--
	s.struck = now
	out := s.advertise(now, false, rng)
	s.spare(borne, now)
	return out
}
