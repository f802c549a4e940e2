package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// pair returns one of the sessions with both of its ends.
func (s *scenario) pair() *pair { return &s.pairs[s.world.dice.IntN(len(s.pairs))] }

// rekey changes the key of a session at both ends: at once at both, or with a
// delay at one and then at the other.
func (s *scenario) rekey(d session.Time) {
	w, p := s.world, s.pair()
	to := p.auth
	switch {
	case !to.On:
		to = s.auth()
	case w.chance(0.2):
		to = engine.Auth{}
	default:
		to.Key, to.KeyID = to.Key%uint32(len(methods))+1, to.KeyID+1
		if w.chance(0.5) {
			to.Key += spareKey
		}
	}
	if p.auth.Key > spareKey && to.On {
		to.Key = p.auth.Key - spareKey
	}
	p.auth = to
	if w.chance(0.5) {
		p.a.SetAuth(to, false)
		w.After(w.upTo(2*Millisecond), func() { p.b.SetAuth(p.auth, false) })
		return
	}
	p.a.SetAuth(to, true)
	w.After(min(d, 500*Millisecond), func() { p.b.SetAuth(p.auth, false) })
}

// wrongKey gives one end a secret that the other does not have.
func (s *scenario) wrongKey(d session.Time) {
	p := s.pair()
	if !p.auth.On {
		return
	}
	e := p.a
	if s.world.chance(0.5) {
		e = p.b
	}
	wrong := p.auth
	wrong.Key = (wrong.Key-1)%badKey + 1 + badKey
	e.SetAuth(wrong, false)
	s.world.After(d, func() { e.SetAuth(p.auth, false) })
}

// deafen breaks the looping of Echo on a link, one way or both.
func (s *scenario) deafen(d session.Time) {
	l, _ := s.link()
	ways := []*Wire{l.There, l.Back}[s.world.dice.IntN(2):]
	for _, wire := range ways {
		if wire.NoEcho {
			continue
		}
		s.world.note(wire.name, "no Echo for %.3f s", seconds(d))
		wire.NoEcho = true
		s.world.After(d, func() { wire.NoEcho = s.noEcho[l] })
	}
}

// reset is a reset of a host's forwarding plane: its sessions go Down.
func (s *scenario) reset(session.Time) { s.session().Signal(packet.DiagForwardingReset) }

// hint tells a session of a failure elsewhere, and later that it is over.
func (s *scenario) hint(d session.Time) {
	e := s.session()
	e.Signal([]packet.Diag{packet.DiagPathDown, packet.DiagConcatPathDown, packet.DiagReverseConcat}[s.world.dice.IntN(3)])
	s.world.After(d, func() { e.Signal(packet.DiagNone) })
}

// hold keeps a session Down.
func (s *scenario) hold(d session.Time) {
	e := s.session()
	set := func(held bool) {
		if p := e.Params; p.HoldDown != held {
			p.HoldDown = held
			e.Configure(p)
		}
	}
	set(true)
	s.world.After(d, func() { set(false) })
}

// ask makes an end send a Poll of its own.
func (s *scenario) ask(session.Time) { s.session().Poll() }

// toggle turns Echo or Demand mode of an end on or off.
func (s *scenario) toggle(session.Time) {
	w, e := s.world, s.session()
	p := e.Params
	switch {
	case p.Kind == session.Unaffiliated:
		return
	case w.chance(0.4):
		p.Demand = !p.Demand
		if p.Demand {
			p.EchoTx, p.DemandPoll = 0, 300_000
		}
	case p.Kind != session.SingleHop:
	case w.chance(0.5):
		p.EchoRx = s.echoInterval()
		if w.chance(0.5) {
			p.EchoRx = 0
		}
	case !p.Demand && p.EchoTx == 0:
		p.EchoTx = s.echoInterval()
	default:
		p.EchoTx = 0
	}
	e.Configure(p)
}

// suspend lets the whole world stand still for up to an hour but for the clock:
// no host runs, nobody sends, and what was on its way arrives.
func (s *scenario) suspend(d session.Time) {
	s.a.Stall(d)
	s.b.Stall(d)
}
