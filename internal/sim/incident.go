package sim

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// incidents are what can befall a scenario. Each lasts some time at most; what
// is left of it ends with the faults.
var incidents = []func(s *scenario, d session.Time){
	(*scenario).blackout, (*scenario).blackout,
	(*scenario).storm,
	(*scenario).stall, (*scenario).stall,
	(*scenario).stallWorker,
	(*scenario).configure, (*scenario).configure, (*scenario).configure,
	(*scenario).disable,
	(*scenario).restart, (*scenario).restart,
	(*scenario).replace,
	(*scenario).losePath,
	(*scenario).move,
	(*scenario).sleep,
	(*scenario).crampedNIC,
	(*scenario).silence,
	(*scenario).rekey, (*scenario).rekey,
	(*scenario).wrongKey,
	(*scenario).deafen, (*scenario).deafen,
	(*scenario).reset,
	(*scenario).hint,
	(*scenario).hold,
	(*scenario).ask,
	(*scenario).toggle, (*scenario).toggle,
	(*scenario).attack, (*scenario).attack, (*scenario).attack,
}

// schedule strews incidents over the time of faults.
func (s *scenario) schedule() {
	w := s.world
	length, asleep := s.quiet-w.now, session.Time(0)
	from := w.now + w.upTo(length)
	if w.chance(0.1) {
		asleep = w.between(10*Second, 3600*Second)
		w.At(from, func() { s.suspend(asleep) })
		s.quiet += asleep
	}
	for range 2 + w.dice.IntN(12) {
		befall := incidents[w.dice.IntN(len(incidents))]
		at := w.now + w.upTo(length)
		if at > from {
			at += asleep
		}
		w.At(at, func() {
			d := w.between(Millisecond, 200*Millisecond)
			if w.chance(0.4) {
				d = w.upTo(3 * Second)
			}
			befall(s, min(d, s.quiet-w.now))
		})
	}
}

func (s *scenario) host() *Host {
	if s.world.chance(0.5) {
		return s.a
	}
	return s.b
}

func (s *scenario) link() (*Link, Conditions) {
	i := s.world.dice.IntN(len(s.links))
	return s.links[i], Conditions{Delay: s.delay[i], NoEcho: s.noEcho[s.links[i]]}
}

func (s *scenario) session() *Session {
	if s.lonely != nil && s.world.chance(0.3) {
		return s.lonely
	}
	p := s.pair()
	if s.world.chance(0.5) {
		return p.a
	}
	return p.b
}

// blackout cuts a link, one way or both.
func (s *scenario) blackout(d session.Time) {
	l, _ := s.link()
	ways := []*Wire{l.There, l.Back}
	switch s.world.dice.IntN(3) {
	case 0:
		ways = ways[:1]
	case 1:
		ways = ways[1:]
	}
	for _, wire := range ways {
		s.world.note(wire.name, "dark for %.3f s", seconds(d))
		wire.Dark = true
		s.world.After(d, func() { wire.Dark = false })
	}
}

// storm makes a link worse in every way.
func (s *scenario) storm(d session.Time) {
	l, bad := s.link()
	w := s.world
	before := l.There.Conditions
	bad.Jitter = w.upTo(60 * Millisecond)
	bad.Loss, bad.Duplicate, bad.Corrupt = w.dice.Float64()*0.6, w.dice.Float64()*0.5, w.dice.Float64()*0.2
	w.note(l.There.name, "storm for %.3f s: %+v", seconds(d), bad)
	l.Set(bad)
	w.After(d, func() { l.Set(before) })
}

// stall stops a host and lets frames pile up in its rings.
func (s *scenario) stall(d session.Time) { s.host().Stall(d) }

// stallWorker stops one worker; its sessions' frames may lie elsewhere, and
// other workers' frames with it.
func (s *scenario) stallWorker(d session.Time) {
	h := s.host()
	h.StallWorker(s.world.dice.IntN(len(h.threads)), min(d, 300*Millisecond))
}

// configure changes the timers of a session, up to three times in a row.
func (s *scenario) configure(d session.Time) {
	e := s.session()
	for range 1 + s.world.dice.IntN(3) {
		s.world.After(s.world.upTo(min(d, 50*Millisecond)), func() {
			p := s.params(len(s.pairs) == crowd)
			p = timers(e.Params, p)
			if s.world.chance(0.3) {
				p.DesiredMinTx, p.RequiredMinRx = e.Params.DesiredMinTx, e.Params.RequiredMinRx // the multiplier alone
			}
			e.Configure(p)
		})
	}
}

// timers returns the parameters of a session with the timers of others.
func timers(p, from session.Params) session.Params {
	p.DesiredMinTx, p.RequiredMinRx, p.DetectMult = from.DesiredMinTx, from.RequiredMinRx, from.DetectMult
	return p
}

// disable takes an end down administratively.
func (s *scenario) disable(d session.Time) {
	e := s.session()
	set := func(down bool) {
		if p := e.Params; p.AdminDown != down {
			p.AdminDown = down
			e.Configure(p)
		}
	}
	set(true)
	s.world.After(d, func() { set(false) })
}

// restart is an end that comes back at once without its memory.
func (s *scenario) restart(session.Time) {
	e := s.session()
	e.Remove(-1)
	e.Return()
}

// replace removes an end in good order and adds it again, at once or later: the
// new session ends the removal of the old, if that still goes on.
func (s *scenario) replace(d session.Time) {
	e := s.session()
	e.Remove(s.world.upTo(3 * Second))
	if s.world.chance(0.5) {
		d = 0
	}
	s.world.After(d, e.Return)
}

// losePath takes an end's path away for a while.
func (s *scenario) losePath(d session.Time) {
	e := s.session()
	if !e.hasPath {
		return
	}
	e.ClearPath()
	s.world.After(d, func() {
		if !e.hasPath {
			e.SetPath(e.Path)
		}
	})
}

// move gives one end another MAC address.
func (s *scenario) move(session.Time) {
	p := s.pair()
	mac := packet.MAC{2, 0, 0, 0, 1, byte(s.world.dice.IntN(256))}
	p.a.Path.PeerMAC, p.b.Path.LocalMAC = mac, mac
	for _, e := range []*Session{p.b, p.a} {
		if e.hasPath {
			e.SetPath(e.Path)
		}
	}
}

// sleep keeps a host's events unread.
func (s *scenario) sleep(d session.Time) { s.host().Sleep(d) }

// crampedNIC gives a NIC short rings, and no room now and then.
func (s *scenario) crampedNIC(d session.Time) {
	h := s.host()
	n := h.NICs[s.world.dice.IntN(len(h.NICs))]
	n.RingCap, n.NoRoom, n.Refuse = 1+s.world.dice.IntN(8), s.world.dice.Float64()*0.5, s.world.dice.Float64()*0.3
	s.world.note(h.name, "cramped for %.3f s: ring %d, no room %.2f, refuse %.2f", seconds(d), n.RingCap, n.NoRoom, n.Refuse)
	s.world.After(d, func() { n.RingCap, n.NoRoom, n.Refuse = defaultRing, 0, 0 })
}

// silence asks the peer for silence by a Required Min RX of 0.
func (s *scenario) silence(d session.Time) {
	e := s.session()
	set := func(us uint32) {
		p := e.Params
		p.RequiredMinRx = us
		e.Configure(p)
	}
	before := e.Params.RequiredMinRx
	set(0)
	s.world.After(d, func() {
		if e.Params.RequiredMinRx == 0 {
			set(max(before, 10_000))
		}
	})
}
