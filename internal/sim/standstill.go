package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// checkStandstill is the part of rule (n) that is about hosts that stand still.
// Faults are over and the links are good.
func (s *scenario) checkStandstill() {
	h := s.host()
	if !h.insured {
		return
	}
	s.standAlone(h)
	if s.world.chance(0.2) { // for longer than it is spoken for, which answers judges
		h.Stall(patience + Second)
		s.world.Run(patience + 2*Second)
		return
	}
	if s.a.insured && s.b.insured {
		s.standTogether()
	}
}

// ends calls fn with both ends of each session that can be answered for, the one
// on h first.
func (s *scenario) ends(h *Host, fn func(e, peer *Session)) {
	for i := range s.pairs {
		e, peer := s.pairs[i].a, s.pairs[i].b
		if e.host != h {
			e, peer = peer, e
		}
		if e.Status().Insured {
			fn(e, peer)
		}
	}
}

// bears tells whether a peer bears a stall. Its Detection Time must be long
// enough: the first answer comes on its first packet after a quarter more than
// the interval has passed. And it must have nothing to ask: nobody sends back its
// Echo or answers its Polls, by which also congestion slows it.
func bears(e, peer *Session) bool {
	st, far := e.Status(), peer.Status()
	wait := session.Time(st.TxInterval+st.TxInterval/4+far.TxInterval)*Microsecond + Millisecond
	asks := far.Echo.State == engine.EchoActive || far.Demand.Local || far.Params.Ceiling != 0
	return far.State == packet.Up && !asks && wait < session.Time(far.DetectionTime)
}

// standAlone stalls a host for less than its dead-man and checks that this costs
// no session.
func (s *scenario) standAlone(h *Host) {
	w := s.world
	before := make(map[*Session]engine.Counters)
	s.ends(h, func(e, peer *Session) {
		if bears(e, peer) {
			before[e], before[peer] = e.Status().Counters, peer.Status().Counters
		}
	})
	d := w.between(100*Millisecond, 2*Second)
	h.Stall(d)
	w.Run(d + Second)
	for i := range s.pairs {
		for _, e := range []*Session{s.pairs[i].a, s.pairs[i].b} {
			was, checked := before[e]
			if st := e.Status(); checked && st.Counters.Down != was.Down {
				e.led.fail("(n) went Down with diagnostic %d over an insured stall of %s of %.6f s", st.Diag, h.name, seconds(d))
			}
		}
	}
}

// standTogether stalls both hosts and checks that what is on its way does not go
// to and fro: a packet draws an answer, that one more at most. Where a packet is
// under way for longer than the answers are apart it may go on until the
// dead-man ends it, but not faster.
func (s *scenario) standTogether() {
	w := s.world
	type side struct {
		e    *Session
		was  uint64
		most uint64
	}
	var sides []side
	d := Second
	for _, h := range []*Host{s.a, s.b} {
		s.ends(h, func(e, peer *Session) {
			gap := session.Time(min(e.Status().TxInterval, peer.Status().TxInterval)) * 3 / 4 * Microsecond
			most := uint64(2)
			if 2*s.delay[e.Path.Ifindex-1] >= gap {
				most += uint64(d / (session.Time(e.Status().TxInterval) * 3 / 4 * Microsecond))
			}
			sides = append(sides, side{e, e.Status().Answered, most})
		})
	}
	s.a.Stall(d)
	s.b.Stall(d)
	w.Run(d)
	for _, o := range sides {
		if n := o.e.led.alone.answered - o.was; n > o.most {
			o.e.led.fail("(n) %d answers while both hosts stood still, at most %d can be", n, o.most)
		}
	}
}
