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

// PollQueued reports whether another Poll follows before new timers are in force.
func (s *Session) PollQueued() bool { return s.poll == pollQueued || s.poll == pollWaiting }

func (s *Session) startPoll() {
	switch s.poll {
	case pollIdle:
		s.poll = pollActive
	case pollActive:
		s.poll = pollQueued
	case pollSettling:
		s.poll = pollWaiting
	}
}

// pollHeard moves the Poll on by the F bit of an accepted packet. A Final that
// nobody asked for changes nothing.
func (s *Session) pollHeard(final bool) {
	switch {
	case final && s.poll == pollActive:
		s.poll = pollSettling
		s.release()
	case final && s.poll == pollQueued:
		s.poll = pollWaiting
	case !final && s.poll == pollSettling:
		s.poll = pollIdle
	case !final && s.poll == pollWaiting:
		s.poll = pollActive
	}
}

// release puts advertised timers in force that a Poll held back.
func (s *Session) release() {
	s.txInForce = s.desiredMinTx
	s.rxInForce = s.requiredMinRx
}
