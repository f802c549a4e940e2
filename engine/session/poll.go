package session

// pollState is where the session stands with its own Poll Sequence (RFC 5880
// §6.5). A Final does not say which Poll it answers (§6.8.3), so it must not
// release a change made after the packet that it answers. A change made while a
// Poll runs is advertised at once but queued: the running Poll ends releasing
// nothing, and a second one releases everything. And since every P sent may
// bring a Final of its own, no Poll begins after another before a packet with F
// clear has come (§6.8.3, the third of its choices).
type pollState uint8

const (
	pollIdle     pollState = iota
	pollActive             // P set until a Final
	pollQueued             // the same, and another Poll must follow
	pollSettling           // ended, P clear, until a packet with F clear
	pollWaiting            // the same, and another Poll must follow
)

// Polling reports whether packets carry the P bit now.
func (s *Session) Polling() bool { return s.poll == pollActive || s.poll == pollQueued }

// PollIdle reports whether no Poll runs, and none is waited for.
func (s *Session) PollIdle() bool { return s.poll == pollIdle }

// PollQueued reports whether another Poll follows before new timers are in force.
func (s *Session) PollQueued() bool { return s.poll == pollQueued || s.poll == pollWaiting }

func (s *Session) startPoll() {
	switch s.poll {
	case pollIdle:
		s.beginPoll()
	case pollActive:
		s.poll = pollQueued
	case pollSettling:
		s.poll = pollWaiting
	}
}

func (s *Session) beginPoll() { s.poll, s.pollAt = pollActive, Never }

// Verify starts a Poll Sequence though nothing has changed: whether the peer
// answers is seen by its end, and in Demand mode that is how the path is checked
// (RFC 5880 §6.6). Unaffiliated Echo has nobody to ask.
func (s *Session) Verify() {
	if s.params.Kind != Unaffiliated {
		s.startPoll()
	}
}

// pollHeard moves the Poll on by the F bit of a packet accepted at now. A Final
// that nobody asked for changes nothing.
func (s *Session) pollHeard(now Time, final bool) {
	if final && s.Polling() {
		s.checkAt = now + Time(s.DetectionTime())
	}
	switch {
	case final && s.poll == pollActive:
		s.poll = pollSettling
		s.release()
	case final && s.poll == pollQueued:
		s.poll = pollWaiting
	case !final && s.poll == pollSettling:
		s.poll = pollIdle
	case !final && s.poll == pollWaiting:
		s.beginPoll()
	}
}

// release puts advertised timers in force that a Poll held back.
func (s *Session) release() {
	s.txInForce = s.desiredMinTx
	s.rxInForce = s.requiredMinRx
}
