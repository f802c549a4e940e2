package session

import "github.com/xbfd/xbfd/packet"

// Auth is how a session authenticates. The zero Auth is not at all. Digests and
// secrets are the caller's: a session knows key numbers and sequence numbers.
type Auth struct {
	Type  packet.AuthType
	KeyID uint8  // the BFD key id in packets
	Key   uint16 // the caller's number of method and secret
}

// authState is the session's side of RFC 5880 §6.7 and of §6.8.1's bfd.Auth
// variables.
type authState struct {
	use   Auth // sent, and accepted
	next  Auth // accepted too while armed, and used from then on
	armed bool
	known bool // bfd.AuthSeqKnown

	rcvSeq  uint32 // bfd.RcvAuthSeq
	xmitSeq uint32 // bfd.XmitAuthSeq, as the latest packet carried it
}

// Auth returns the authentication in use and, while a delayed change is armed,
// the one that will follow.
func (s *Session) Auth() (use, next Auth, armed bool) { return s.auth.use, s.auth.next, s.auth.armed }

// StartAuth gives a session that has sent nothing yet the authentication it
// starts with.
func (s *Session) StartAuth(a Auth) { s.auth.use = a }

// SetAuth changes the authentication. A delayed change keeps the old one in use
// and switches when the peer's first packet with the new one is accepted, so
// that both ends can be changed one after the other without a flap; any other is
// in force at once (RFC 5880 §6.7.1).
func (s *Session) SetAuth(now Time, a Auth, delayed bool, rng *Rand) Outcome {
	if delayed {
		s.auth.next, s.auth.armed = a, a != s.auth.use
		return 0
	}
	s.auth.armed = false
	if a == s.auth.use {
		return 0
	}
	s.auth.use, s.auth.known = a, false
	return s.contentChanged(now, false, rng)
}

// SeqAccepted reports whether the sequence number of a packet that arrived at
// arrival is in the window that RFC 5880 §6.7.3 and §6.7.4 allow: 3 times the
// packet's own Detect Mult wide, circular, without the last number itself where
// the type is meticulous. After two Detection Times without an accepted packet
// every number is (§6.8.1), but not in a silence that our Demand mode asked for
// and our own Polls break: nobody could say that it is the peer's restart. Nothing is written: the digest comes first (errata
// 7082 and 7083).
func (s *Session) SeqAccepted(arrival Time, t packet.AuthType, seq uint32, mult uint8) bool {
	asked := s.demand && s.params.DemandPoll != 0
	if !t.Sequenced() || !s.auth.known || !asked && arrival-s.lastRx >= Time(2*s.DetectionTime()) {
		return true
	}
	ahead := seq - s.auth.rcvSeq
	return ahead <= 3*uint32(mult) && (ahead != 0 || !t.Meticulous())
}

// Proven notes that a packet about to be received was authentic: under next, if
// switched says so, and otherwise under the authentication in use.
func (s *Session) Proven(now Time, switched bool, seq uint32, rng *Rand) Outcome {
	var out Outcome
	if switched {
		s.auth.use, s.auth.armed = s.auth.next, false
		out = s.contentChanged(now, false, rng)
	}
	s.auth.rcvSeq, s.auth.known = seq, s.auth.use.Type.Sequenced()
	return out
}

// XmitSeq returns the sequence number of a packet that is being sent: one more
// for every packet where the type is meticulous, and otherwise for every packet
// whose content is new (RFC 5880 §6.7.3, §6.7.4).
func (s *Session) XmitSeq(content bool) uint32 {
	if content || s.auth.use.Type.Meticulous() {
		s.auth.xmitSeq++
	}
	return s.auth.xmitSeq
}
