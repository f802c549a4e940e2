package sim

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// credential is what both ends of a session must have alike; the zero one is
// none. Digests are made here once more, from the text of RFC 5880 §6.7, so that
// an engine that is wrong the same way at both ends is found out.
type credential struct {
	method packet.AuthMethod
	id     uint8 // on the wire
	secret string
}

func (c credential) on() bool { return c.method.Type != 0 }

// section returns the authentication section of a packet, nil if it has none
// that has this type, key id and a sound length (RFC 5880 §4.2-4.4).
func (c credential) section(p *seen) []byte {
	if !p.control.Auth {
		return nil
	}
	s := p.bfd[packet.ControlLen:p.control.Length]
	want := 8 + sha1.Size
	switch c.method.Type {
	case packet.AuthSimple:
		want = 3 + len(c.secret)
	case packet.AuthKeyedMD5, packet.AuthMeticulousMD5:
		want = 8 + md5.Size
	}
	if len(s) != want || s[0] != uint8(c.method.Type) || int(s[1]) != want || s[2] != c.id {
		return nil
	}
	return s
}

// made tells whether a packet was made with this credential.
func (c credential) made(p *seen) bool {
	if !c.on() {
		return !p.control.Auth
	}
	s := c.section(p)
	switch {
	case s == nil:
		return false
	case c.method.Type == packet.AuthSimple:
		return string(s[3:]) == c.secret
	}
	b := slices.Clone(p.bfd[:p.control.Length])
	place := b[packet.ControlLen+8:]
	clear(place)
	var digest []byte
	switch {
	case c.method.HMAC:
		h := hmac.New(sha1.New, []byte(c.secret))
		h.Write(b)
		digest = h.Sum(nil)
	case len(place) == md5.Size:
		copy(place, c.secret)
		sum := md5.Sum(b)
		digest = sum[:]
	default:
		copy(place, c.secret)
		sum := sha1.Sum(b)
		digest = sum[:]
	}
	return string(digest) == string(s[8:])
}

// number returns a packet's sequence number; false if its type has none.
func (c credential) number(p *seen) (uint32, bool) {
	if !c.method.Type.Sequenced() {
		return 0, false
	}
	s := c.section(p)
	if s == nil {
		return 0, false
	}
	return binary.BigEndian.Uint32(s[4:]), true
}

// proofs is a session's authentication (RFC 5880 §6.7) as the frames show it.
type proofs struct {
	use, next credential
	armed     bool         // next is accepted too, and used from then on
	were      []credential // in use since the last Step, before use

	known bool   // bfd.AuthSeqKnown
	rcv   uint32 // number of the last packet accepted

	spoken bool
	xmit   uint32 // number of the last packet sent
	sent   string // and what it said
}

// setAuth is a change that the operator makes.
func (l *ledger) setAuth(c credential, delayed bool) {
	if l == nil {
		return
	}
	a := &l.auth
	if delayed {
		a.next, a.armed = c, c != a.use
		return
	}
	a.armed = false
	if c != a.use {
		a.were = append(a.were, a.use)
		a.use, a.known, l.stirred = c, false, true
	}
}

// authentic tells whether a packet passes RFC 5880 §6.7, and by which of the two
// credentials. Nothing is written.
func (l *ledger) authentic(p *seen) (c credential, ok bool) {
	a := &l.auth
	if a.armed && l.passes(a.next, p) {
		return a.next, true
	}
	return a.use, l.passes(a.use, p)
}

func (l *ledger) passes(c credential, p *seen) bool {
	if n, ok := c.number(p); ok && !l.inWindow(c, n, p) {
		return false
	}
	return c.made(p)
}

// inWindow is the window of RFC 5880 §6.7.3 and §6.7.4, which is open to all
// numbers two Detection Times after the last packet (§6.8.1); but not when the
// peer is silent at our own request and asked now and then whether it is there.
func (l *ledger) inWindow(c credential, n uint32, p *seen) bool {
	a := &l.auth
	ahead := n - a.rcv
	if !a.known || ahead <= 3*uint32(p.control.DetectMult) && (ahead != 0 || !c.method.Type.Meticulous()) {
		return true
	}
	lo, hi := l.detection()
	if l.status.Demand.Local {
		lo, hi = l.answerTime()
	}
	age := p.arrival - l.at
	before, after := l.checksPath(&l.status), l.checksPath(&l.after)
	switch {
	case before && after || age < 2*lo:
		return false
	case before && l.retimed == 0:
		return false // asked until a packet of this Step ended it, and from then on silence counts anew
	case !before && !after && age >= 2*hi && l.spared <= l.at:
		return true
	}
	if l.retimed == 0 && !l.heardNow {
		return age >= 2*session.Time(l.status.DetectionTime)
	}
	return l.tookAt(p.arrival) // the frames do not tell which Detection Time was in force
}

// checksPath: our Demand mode is active and Polls are sent by themselves.
func (l *ledger) checksPath(st *engine.Status) bool {
	return st.Demand.Local && st.Params.DemandPoll != 0
}

// tookAt asks the session, where frames leave it open, whether in this Step it
// accepted a packet that arrived at an instant.
func (l *ledger) tookAt(arrival session.Time) bool {
	return l.after.LastRx == arrival && l.after.Counters.Rx != l.status.Counters.Rx
}

// proven notes what an accepted packet has shown.
func (l *ledger) proven(c credential, p *seen) {
	a := &l.auth
	if a.armed && c == a.next {
		a.were = append(a.were, a.use)
		a.use, a.armed, l.stirred = c, false, true
	}
	a.known = false
	if n, ok := c.number(p); ok {
		a.rcv, a.known = n, true
	}
}

// checkSeal is rule (h) for a packet that the session sent: it is made with the
// credential in use, and numbered without a gap.
func (l *ledger) checkSeal(p *seen) {
	a := &l.auth
	c := a.use
	if !c.made(p) {
		i := slices.IndexFunc(a.were, func(c credential) bool { return c.made(p) })
		if i < 0 {
			l.fail("(h) sends a packet that is not made with its key")
			return
		}
		c = a.were[i]
	}
	n, ok := c.number(p)
	if !ok {
		return
	}
	says := string(p.bfd[:packet.ControlLen])
	switch ahead := n - a.xmit; {
	case !a.spoken || ahead == 1:
	case c.method.Type.Meticulous():
		l.fail("(h) numbers its packets %d and then %d (RFC 5880 §6.7.4)", a.xmit, n)
	case ahead != 0 || says != a.sent:
		l.fail("(h) numbers its packets %d and then %d, what they say having changed: %v", a.xmit, n, says != a.sent)
	}
	a.spoken, a.xmit, a.sent = true, n, says
}
