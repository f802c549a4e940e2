package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// authKey is a key as workers use it: every worker has its own copy of all.
type authKey struct {
	id     uint32 // the operator's number
	method packet.AuthMethod
	secret packet.Secret
}

// proof is what the authentication section of an accepted packet has shown.
type proof struct {
	switched bool // it was made under the authentication that is armed
	seq      uint32
}

// authenticate is RFC 5880 §6.7 up to the point where something is written: the
// packet must fit the authentication in use, or while a delayed change is armed
// the one that will follow.
func (w *Worker) authenticate(i uint32, c *packet.Control, rx *Rx) (p proof, d packet.Drop) {
	sl := &w.slots[i]
	use, next, armed := sl.session.Auth()
	if armed {
		p.seq, d = w.verify(sl, next, c, rx)
		p.switched = d == packet.DropNone
	}
	if !p.switched {
		p.seq, d = w.verify(sl, use, c, rx)
	}
	if d == packet.DropNone {
		sl.otherDigest = false
	}
	return p, d
}

// verify applies one authentication, in the order of RFC 5880 §6.7.4.
func (w *Worker) verify(sl *slot, a session.Auth, c *packet.Control, rx *Rx) (seq uint32, d packet.Drop) {
	switch {
	case a.Type == 0 && c.Auth:
		return 0, packet.DropAuthUnexpected
	case a.Type == 0:
		return 0, packet.DropNone
	case !c.Auth:
		return 0, packet.DropAuthMissing
	}
	var section packet.Auth
	bfd := rx.Payload[:c.Length]
	d = packet.DecodeAuth(bfd[packet.ControlLen:], &section)
	k := &w.keys[a.Key]
	switch {
	case section.Type != a.Type:
		return 0, packet.DropAuthType
	case section.KeyID != a.KeyID:
		return 0, packet.DropAuthKeyID
	case d != packet.DropNone:
		return 0, d
	case a.Type == packet.AuthSimple && int(section.N) != k.secret.Len(): // RFC 5880 §6.7.2
		return 0, packet.DropAuthLen
	case !sl.session.SeqAccepted(rx.Arrival, a.Type, section.Seq, c.DetectMult):
		return 0, packet.DropAuthSeq
	case !k.method.Verify(bfd, &section, &k.secret):
		sl.otherDigest = sl.otherDigest || k.otherDigest(bfd, &section)
		return 0, packet.DropAuthDigest
	}
	return section.Seq, packet.DropNone
}

// otherDigest reports whether the peer has the right key but makes its SHA1
// digest in the other of the two ways that are about.
func (k *authKey) otherDigest(bfd []byte, section *packet.Auth) bool {
	if !section.Type.SHA1() {
		return false
	}
	other := packet.AuthMethod{Type: k.method.Type, HMAC: !k.method.HMAC}
	return other.Verify(bfd, section, &k.secret)
}

// section is the authentication section that a session's template gets: whole
// for a password, without sequence number and digest otherwise. It has no type
// if the session sends none.
func (w *Worker) section(s *session.Session) (a packet.Auth) {
	use, _, _ := s.Auth()
	a.Type, a.KeyID = use.Type, use.KeyID
	if use.Type == packet.AuthSimple {
		a.N = uint8(w.keys[use.Key].secret.Put(a.Data[:]))
	}
	return a
}

// seal completes a frame that is about to leave. content says that it differs
// from the one before.
func (w *Worker) seal(i uint32, frame []byte, content bool) {
	s := &w.slots[i].session
	use, _, _ := s.Auth()
	if !use.Type.Sequenced() {
		return
	}
	k := &w.keys[use.Key]
	w.templates[i].Seal(frame, s.XmitSeq(content), k.method, &k.secret)
}

// AuthStatus is how a session authenticates at one instant.
type AuthStatus struct {
	Use    Auth
	Method packet.AuthMethod // of Use
	Next   Auth              // while Armed: what follows once the peer uses it
	Armed  bool
	// OtherDigest says that since the last accepted packet others failed which
	// have the right key but make their SHA1 digest in the other way, RFC 5880's
	// or FRR's HMAC.
	OtherDigest bool
}

func (w *Worker) authStatus(sl *slot) (st AuthStatus) {
	use, next, armed := sl.session.Auth()
	st.Use, st.Armed, st.OtherDigest = w.asked(use), armed, sl.otherDigest
	if use.Type != 0 {
		st.Method = w.keys[use.Key].method
	}
	if armed {
		st.Next = w.asked(next)
	}
	return st
}

// asked turns a session's authentication back into what was asked for.
func (w *Worker) asked(a session.Auth) Auth {
	if a.Type == 0 {
		return Auth{}
	}
	return Auth{On: true, Key: w.keys[a.Key].id, KeyID: a.KeyID}
}
