package session

import "github.com/xbfd/xbfd/packet"

// Receive processes a Control packet that has passed every check of RFC 5880
// §6.8.6 up to and including authentication, and belongs to this session.
// arrival is when it reached this host, which may be well before now.
func (s *Session) Receive(now, arrival Time, c *packet.Control, rng *Rand) Outcome {
	known, borne := s.remoteDiscr, s.DetectionTime()
	if known != 0 {
		s.noteGap(arrival) // by what the peer had promised before this packet
	}
	s.remoteDiscr = c.MyDiscr
	s.remoteState = c.State
	s.remoteDiag = c.Diag
	s.remoteCPI = c.CPI
	if s.params.Kind != Unaffiliated {
		s.remoteDemand = c.Demand
		s.remoteMinRx = c.RequiredMinRx
		s.remoteMinTx = c.DesiredMinTx
		s.remoteMinEchoRx = c.RequiredMinEchoRx
		s.remoteMult = c.DetectMult
		s.pollHeard(now, c.Final)
		s.spare(borne, now)
	}
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
	if s.state == packet.Down && (s.params.HoldDown || s.off) {
		t = transition{to: packet.Down} // refuse to advance (§6.8.18)
	}
	if t.to != s.state {
		out = s.enter(t.to, t.diag, t.write, now, rng)
	} else {
		// The peer's state alone may have made our demand active.
		out = s.advertise(now, known != s.remoteDiscr, rng)
	}
	if c.Poll && s.params.Kind != Unaffiliated {
		out |= SendFinal
	}
	return out
}

// Overtaken processes a packet that arrived before one that Receive has had. What it
// says of the peer is not true any more, and its F bit may answer a Poll from before
// the present one (RFC 5880 §6.8.3); but each Poll has its Final (§6.8.7).
func (s *Session) Overtaken(c *packet.Control) Outcome {
	switch {
	case s.state == packet.AdminDown:
		return Discarded
	case c.Poll && s.params.Kind != Unaffiliated:
		return SendFinal
	}
	return 0
}

// Heard notes that the peer has repeated its last packet at an instant: nothing
// but its silence is over.
func (s *Session) Heard(at Time) { s.lastRx = max(s.lastRx, at) }

// enter moves to another state, with the timers that go with it: the slow rate
// unless Up, the configured one when Up, each change polled (RFC 5880 §6.8.3).
func (s *Session) enter(to packet.State, diag packet.Diag, write bool, now Time, rng *Rand) Outcome {
	if write {
		s.localDiag = diag
	}
	var out Outcome
	if to != s.state {
		s.state, out = to, Changed
	}
	if to != packet.Up {
		s.echoing = false
		s.congestion = congestion{}
		// Only a session that is Up holds a timer back for a Poll.
		s.release()
	}
	return out | s.advertise(now, true, rng)
}

// Configure puts new parameters in force without disturbing the state, but for
// AdminDown and HoldDown. New intervals start a Poll Sequence, a new multiplier
// does not (RFC 5880 §6.8.12). The kind stays as it is.
func (s *Session) Configure(now Time, p Params, rng *Rand) Outcome {
	old, borne := s.params, s.DetectionTime()
	p.Kind = old.Kind
	s.params = p
	s.echoing = s.echoing && p.EchoTx != 0
	if out := s.obey(now, packet.DiagAdminDown, rng); out != 0 {
		return out
	}
	if p.HoldDown && (s.state == packet.Init || s.state == packet.Up) {
		return s.enter(packet.Down, packet.DiagAdminDown, true, now, rng)
	}
	out := s.advertise(now, p.DetectMult != old.DetectMult || p.CPI != old.CPI, rng)
	s.spare(borne, now)
	return out
}

// advertise brings what packets carry in line with the parameters and the state.
// All changes of one call go out in one packet under one Poll, so that its Final
// speaks for all of them (RFC 5880 §6.8.3). changed says that what packets carry
// is different already.
func (s *Session) advertise(now Time, changed bool, rng *Rand) Outcome {
	tx := s.setTx(s.wantedTx())
	rx := s.setRx(s.wantedRx())
	demand := s.setDemand(now)
	if !changed && !tx && !rx && !demand {
		return 0
	}
	return s.contentChanged(now, tx || rx || demand, rng)
}

// Admin takes the session down administratively, or lets it start again from
// Down (RFC 5880 §6.8.16). The diagnostic says who asks: DiagPathDown is a
// signal that the path failed, which only the same signal takes back; any other
// is the operator. Enabling writes no diagnostic.
func (s *Session) Admin(now Time, down bool, diag packet.Diag, rng *Rand) Outcome {
	if diag == packet.DiagPathDown {
		s.pathDown = down
	} else {
		s.params.AdminDown = down
	}
	return s.obey(now, diag, rng)
}

// obey makes the state follow what disables the session.
func (s *Session) obey(now Time, diag packet.Diag, rng *Rand) Outcome {
	off := s.params.AdminDown || s.pathDown
	switch {
	case off == s.off:
		return 0
	case off:
		s.off = true
		return s.enter(s.offState(), diag, true, now, rng)
	}
	s.off = false
	return s.enter(packet.Down, 0, false, now, rng)
}

// offState is the state of a disabled session. Unaffiliated Echo has no
// AdminDown: there is nobody to tell (RFC 9747 §2).
func (s *Session) offState() packet.State {
	if s.params.Kind == Unaffiliated {
		return packet.Down
	}
	return packet.AdminDown
}

// ForwardingReset takes the session down because this system's forwarding plane
// was reset (RFC 5880 §6.8.15).
func (s *Session) ForwardingReset(now Time, rng *Rand) Outcome {
	switch s.state {
	case packet.AdminDown:
		return 0
	case packet.Down:
		return s.Concatenated(now, packet.DiagForwardingReset, rng)
	}
	return s.enter(packet.Down, packet.DiagForwardingReset, true, now, rng)
}

// Concatenated tells the peer of a failure beyond this system, or of its end, by
// the diagnostic alone; the state stays (RFC 5880 §6.8.17).
func (s *Session) Concatenated(now Time, diag packet.Diag, rng *Rand) Outcome {
	if diag == s.localDiag {
		return 0
	}
	s.localDiag = diag
	return s.contentChanged(now, false, rng)
}

// StartAt moves the schedule so that the next periodic packet is due at first:
// for a session whose path to the peer has just appeared.
func (s *Session) StartAt(first Time) { s.lastTx = first - Time(s.gap()) }
