package session

import "github.com/xbfd/xbfd/packet"

// Receive processes a Control packet that has passed every check of RFC 5880
// §6.8.6 up to and including authentication, and belongs to this session.
// arrival is when it reached this host, which may be well before now.
func (s *Session) Receive(now, arrival Time, c *packet.Control, rng *Rand) Outcome {
	known := s.remoteDiscr
	s.remoteDiscr = c.MyDiscr
	s.remoteState = c.State
	s.remoteDiag = c.Diag
	s.remoteDemand = c.Demand
	s.remoteMinRx = c.RequiredMinRx
	s.remoteMinTx = c.DesiredMinTx
	s.remoteMinEchoRx = c.RequiredMinEchoRx
	s.remoteMult = c.DetectMult
	s.pollHeard(c.Final)
	// Several queues may hand packets over out of order: never step back.
	if known == 0 || arrival > s.lastRx {
		s.lastRx = arrival
	}

	var out Outcome
	if s.state == packet.AdminDown {
		// Valid, so the peer stays known, but not received (§6.8.6): no state
		// machine, no Final.
		out = Discarded
		if known != s.remoteDiscr {
			out |= s.contentChanged(now, false, rng)
		}
		return out
	}
	t := fsm[s.state][c.State]
	if t.to != s.state {
		out = s.enter(t.to, t.diag, t.write, now, rng)
	} else if known != s.remoteDiscr {
		out = s.contentChanged(now, false, rng)
	}
	if c.Poll {
		out |= SendFinal
	}
	return out
}

// enter moves to another state, with the timers that go with it: the slow rate
// unless Up, the configured one when Up, each change polled (RFC 5880 §6.8.3).
func (s *Session) enter(to packet.State, diag packet.Diag, write bool, now Time, rng *Rand) Outcome {
	if write {
		s.localDiag = diag
	}
	s.state = to
	if to != packet.Up {
		// Only a session that is Up holds a timer back for a Poll.
		s.release()
	}
	return Changed | s.advertise(now, true, rng)
}

// Configure puts new parameters in force without disturbing the state, but for
// AdminDown. New intervals start a Poll Sequence, a new multiplier does not
// (RFC 5880 §6.8.12).
func (s *Session) Configure(now Time, p Params, rng *Rand) Outcome {
	old := s.params
	s.params = p
	if p.AdminDown != old.AdminDown {
		return s.Admin(now, p.AdminDown, packet.DiagAdminDown, rng)
	}
	return s.advertise(now, p.DetectMult != old.DetectMult, rng)
}

// advertise brings the timers that packets carry in line with the parameters
// and the state. All changes of one call go out in one packet under one Poll, so
// that its Final speaks for all of them (RFC 5880 §6.8.3). changed says that
// what packets carry is different already.
func (s *Session) advertise(now Time, changed bool, rng *Rand) Outcome {
	tx := s.setTx(s.wantedTx())
	rx := s.setRx(s.params.RequiredMinRx)
	if !changed && !tx && !rx {
		return 0
	}
	return s.contentChanged(now, tx || rx, rng)
}

// Admin takes the session down administratively with the diagnostic that fits
// (DiagAdminDown, or DiagPathDown when told that the path failed), or lets it
// start again from Down (RFC 5880 §6.8.16). Enabling writes no diagnostic.
func (s *Session) Admin(now Time, down bool, diag packet.Diag, rng *Rand) Outcome {
	s.params.AdminDown = down
	switch {
	case down && s.state != packet.AdminDown:
		return s.enter(packet.AdminDown, diag, true, now, rng)
	case !down && s.state == packet.AdminDown:
		return s.enter(packet.Down, 0, false, now, rng)
	}
	return 0
}

// StartAt moves the schedule so that the next periodic packet is due at first:
// for a session whose path to the peer has just appeared.
func (s *Session) StartAt(first Time) { s.lastTx = first - Time(s.gap()) }
