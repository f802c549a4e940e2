package session

import "github.com/xbfd/xbfd/packet"

// Demand mode (RFC 5880 §6.6) is two things that know nothing of each other. The
// peer's: it asks us for no periodic packets. Ours: we ask it, set the D bit, and
// from then on its silence means nothing; a Poll that it leaves unanswered does.

// remoteDemandActive reports whether the peer has asked us to stop periodic
// packets and may: only while both ends are Up.
func (s *Session) remoteDemandActive() bool {
	return s.remoteDemand && s.state == packet.Up && s.remoteState == packet.Up
}

// Demand reports whether Demand mode is active, ours and the peer's.
func (s *Session) Demand() (local, remote bool) { return s.demand, s.remoteDemandActive() }

// DemandBound is how long after a failure our demand finds it at the latest, in
// nanoseconds; 0 if it is not active or Polls are sent on command only. A Poll
// begins every DemandPoll, but not while Finals of the one before may come; its
// first packet may wait for the schedule; and then it has a Detection Time.
func (s *Session) DemandBound() int64 {
	if !s.demand || s.params.DemandPoll == 0 {
		return 0
	}
	every := max(int64(s.params.DemandPoll)*Microsecond, 2*s.DetectionTime())
	return every + int64(s.TxInterval())*Microsecond + s.DetectionTime()
}

// setDemand brings the D bit in line with configuration and states (RFC 5880
// §6.8.7). Such a change is polled. A peer that wants no packets at all gets no
// Poll either, so its silence must go on meaning something.
func (s *Session) setDemand(now Time) (changed bool) {
	want := s.params.Demand && s.state == packet.Up && s.remoteState == packet.Up && s.remoteMinRx != 0
	if changed = want != s.demand; changed {
		s.demand = want
		if want && s.pollAt != Never {
			s.pollAt = now // a Poll from before was none that had to be answered
		}
		if !want {
			// The peer was silent because we asked for it: it gets a Detection Time
			// to be heard again, and no replay may pass for a restart of its.
			s.lastRx = max(s.lastRx, now)
		}
	}
	if s.demand {
		// The wait after a Final was for the Detection Time of then.
		s.checkAt = min(s.checkAt, now+Time(s.DetectionTime()))
	}
	return changed
}

// checkDeadline is when the connectivity check takes its next step: the next
// Poll, or the end of the time in which Finals of the last one may still come.
// The peer sends nothing without F that would tell of that end, so it is the
// time that any Final can take (RFC 5880 §6.8.3, the second of its choices).
func (s *Session) checkDeadline() Time {
	switch {
	case !s.demand || s.Polling() || s.poll == pollIdle && s.params.DemandPoll == 0:
		return Never
	case s.poll == pollIdle && s.pollAt == Never:
		return s.checkAt
	case s.poll == pollIdle:
		return max(s.checkAt, s.pollAt+Time(s.params.DemandPoll)*Time(Microsecond))
	}
	return s.checkAt
}

// check takes that step.
func (s *Session) check() {
	switch s.poll {
	case pollIdle, pollWaiting:
		s.beginPoll()
	case pollSettling:
		s.poll = pollIdle
	}
}
