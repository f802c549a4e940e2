package session_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// script turns bytes into calls; when it has run out every number is 0.
type script []byte

func (s *script) u8() uint8 {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

func (s *script) u32() uint32 {
	return uint32(s.u8())<<24 | uint32(s.u8())<<16 | uint32(s.u8())<<8 | uint32(s.u8())
}

// micros is an interval: often an ordinary one, sometimes anything.
func (s *script) micros() uint32 {
	switch k := s.u8(); {
	case k < 32:
		return s.u32()
	case k < 48:
		return uint32(k & 1)
	default:
		return uint32(k) * 1000
	}
}

func (s *script) params() session.Params {
	p := session.Params{DesiredMinTx: max(s.micros(), 1), RequiredMinRx: s.micros(), DetectMult: max(s.u8(), 1)}
	bits := s.u8()
	p.Passive, p.AdminDown = bits&1 != 0, bits&14 == 14
	more := s.u8()
	p.HoldDown, p.Demand, p.CPI = more&7 == 7, more&8 != 0, more&16 != 0
	p.Kind = session.Kind(max(int(more>>5)-5, 0))
	p.DemandPoll, p.Ceiling = s.micros(), s.micros()
	return p
}

func (s *script) control() packet.Control {
	bits := s.u8()
	return packet.Control{
		State: packet.State(bits & 3), Poll: bits&4 != 0, Final: bits&8 != 0, Demand: bits&16 != 0,
		CPI: bits&32 != 0, Diag: packet.Diag(s.u8() & 31), DetectMult: max(s.u8(), 1), Length: packet.ControlLen,
		MyDiscr: uint32(s.u8()&3) + 1, DesiredMinTx: s.micros(), RequiredMinRx: s.micros(), RequiredMinEchoRx: s.micros(),
	}
}

// watch holds a session to what must be true after every call.
type watch struct {
	t      *testing.T
	s      *session.Session
	start  session.Time
	now    session.Time
	lastTx session.Time
	sent   int
	extra  int64 // packets beside the schedule
	told   packet.Control
	fresh  bool
	failed bool // the path, as the session was told
}

// after checks one call's outcome; heard is the packet that it was about, if any.
func (w *watch) after(call string, out session.Outcome, was packet.State, heard *packet.Control) {
	t, s := w.t, w.s
	fail := func(what string) {
		t.Helper()
		t.Fatalf("%s at %d: %s: outcome %b, %v to %v, remote %+v, params %+v, polling %v, deadline %d",
			call, w.now, what, out, was, s.State(), s.Remote(), s.Params(), s.Polling(), s.Deadline())
	}
	p := s.Params()
	alone := p.Kind == session.Unaffiliated
	off := p.AdminDown || w.failed
	silent := p.Passive && s.Remote().Discr == 0 && !alone || alone && off
	asked, _ := s.Demand()
	switch {
	case s.State() > packet.Up || s.Diag() > packet.DiagReverseConcat:
		fail("no such state or diagnostic")
	case (s.State() == packet.AdminDown) != (off && !alone):
		fail("AdminDown and what disables the session disagree")
	case (p.HoldDown || alone && off) && (s.State() == packet.Init || s.State() == packet.Up):
		fail("up though held down")
	case asked && (s.State() != packet.Up || s.Remote().State != packet.Up || !p.Demand):
		fail("demand where it must not be")
	case (out&session.Changed != 0) != (was != s.State()):
		fail("Changed is wrong")
	case (s.State() == packet.Init || s.State() == packet.Up) && s.Remote().Discr == 0:
		fail("up to a peer that is not known")
	case (out&session.SendFinal != 0) != (heard != nil && heard.Poll && was != packet.AdminDown && !alone):
		fail("a Final without a Poll, or none to one")
	case silent && out&session.Send != 0:
		fail("a packet from a passive session that hears nobody")
	case silent && s.Remote().Discr == 0 && s.Deadline() != session.Never,
		!silent && !asked && s.Deadline() == session.Never:
		fail("a deadline that never comes, or one for nothing")
	case s.Deadline() != session.Never && s.Deadline() > w.now+session.Time(255*(1<<32)*us):
		fail("a deadline beyond all reason")
	}
	var c packet.Control
	s.Control(&c)
	c.Poll = false
	w.fresh = w.fresh || out&session.Content != 0
	if out&(session.Send|session.SendFinal) == 0 {
		return
	}
	if c != w.told && !w.fresh {
		fail("the packet changed and no Content said so")
	}
	w.told, w.fresh = c, false
	if out&session.Send != 0 {
		w.rate(fail, out)
	}
}

// signal is one of the rarer calls.
func (w *watch) signal(op uint8, rng *session.Rand) session.Outcome {
	switch op / 9 % 6 {
	case 0:
		return w.s.ForwardingReset(w.now, rng)
	case 1:
		return w.s.Concatenated(w.now, packet.DiagReverseConcat, rng)
	case 2:
		return w.s.SetEchoing(w.now, op&1 != 0, rng)
	case 3:
		return w.s.EchoFailed(w.now, rng)
	case 4:
		return w.s.OfferEcho(w.now, uint32(op), rng)
	}
	w.s.Verify()
	return 0
}

// rate bounds what is sent: by the schedule no faster than the interval less
// jitter allows, beside it no more than the bucket pays for.
func (w *watch) rate(fail func(string), out session.Outcome) {
	since := int64(w.now - w.lastTx)
	scheduled := w.sent == 0 || w.s.TxInterval() != 0 && since >= int64(w.s.TxInterval())*us/4*3
	if !scheduled {
		if out&session.Content == 0 {
			fail("a periodic packet too early")
		}
		w.extra++
		if w.extra > extraBurst+int64(w.now-w.start)/extraEvery {
			fail("too many packets beside the schedule")
		}
	}
	w.sent++
	w.lastTx = w.now
}

// FuzzSession: whatever is called in whatever order, as long as time does not
// run backwards, leaves the session legal.
func FuzzSession(f *testing.F) {
	f.Add(make([]byte, 64))
	for seed := range uint64(32) {
		b := make([]byte, 0, 512)
		for rng := rand.NewPCG(seed, 1); len(b) < cap(b); {
			b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		in := script(ops)
		rng := rand.NewPCG(1, 1)
		w := &watch{t: t}
		s := session.New(in.params(), localDiscr, 0, rng)
		w.s = &s
		s.Control(&w.told)
		for len(in) > 0 && w.now < 1<<60 {
			was := s.State()
			switch op := in.u8(); op % 9 {
			case 0, 1: // the next instant of its own
				w.now = max(w.now, min(s.Deadline(), w.now+session.Time(1e12)))
				w.after("Expire", s.Expire(w.now, true, rng), was, nil)
				if s.Deadline() <= w.now {
					t.Fatalf("at %d: Expire left the deadline at %d", w.now, s.Deadline())
				}
			case 2: // some instant, silence not proven
				w.now += session.Time(in.u32())
				w.after("Expire unjudged", s.Expire(w.now, false, rng), was, nil)
			case 3, 4, 5:
				c := in.control()
				w.now += session.Time(in.u8()) * session.Time(ms)
				age := session.Time(in.u8()) * session.Time(ms)
				w.after("Receive", s.Receive(w.now, w.now-age, &c, rng), was, &c)
				if got := s.Remote(); got.State != c.State || got.Discr != c.MyDiscr {
					t.Fatalf("remote %+v after %+v", got, c)
				}
			case 6:
				w.after("Configure", s.Configure(w.now, in.params(), rng), was, nil)
			case 7:
				w.failed = op&64 != 0
				w.after("Admin", s.Admin(w.now, w.failed, packet.DiagPathDown, rng), was, nil)
			case 8:
				w.after("Signal", w.signal(op, rng), was, nil)
			}
		}
	})
}
