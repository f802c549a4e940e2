package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Rule (e) gives a session this long to come Up once nothing hinders it, and
// this much more to end its Polls. The latter is also what a passive end may
// need on top that lost its memory: until the other's Detection Time is over it
// hears only packets to a discriminator that is no more, and says nothing.
const (
	recovery   = 5 * Second
	settlement = 7 * Second
)

// calm ends every fault.
func (s *scenario) calm() {
	w := s.world
	w.note("world", "calm from here on")
	for i, l := range s.links {
		l.Set(Conditions{Delay: s.delay[i]})
		l.There.NoEcho = s.noEcho[l]
	}
	for _, h := range []*Host{s.a, s.b} {
		h.Late = func() session.Time { return w.upTo(50 * Microsecond) }
		for _, n := range h.NICs {
			n.Refuse, n.NoRoom, n.RingCap = 0, 0, defaultRing
		}
	}
	for i := range s.pairs {
		s.pairs[i].a.heal(s.pairs[i].auth)
		s.pairs[i].b.heal(s.pairs[i].auth)
	}
	if s.lonely != nil {
		s.far.Set(Conditions{Delay: s.farDelay})
		s.lonely.heal(s.lonely.Auth)
	}
}

// heal undoes what keeps an end from coming Up.
func (s *Session) heal(auth engine.Auth) {
	if s.Auth != auth || s.armed {
		s.SetAuth(auth, false)
	}
	s.Return()
	if s.failed {
		s.Signal(packet.DiagNone)
	}
	p := s.Params
	p.AdminDown, p.HoldDown = false, false
	if p.RequiredMinRx == 0 {
		p.RequiredMinRx = p.DesiredMinTx
	}
	if p.Demand {
		p.DesiredMinTx = max(p.DesiredMinTx, 50_000) // no answer comes sooner than the link has it
	}
	if p != s.Params {
		s.Configure(p)
	}
	if !s.hasPath {
		s.SetPath(s.Path)
	}
	if p.Demand && p.DemandPoll == 0 {
		s.Poll() // it only looks when told to
	}
}

// patience is how much longer the ends of a session may need to come Up: one
// that lost its memory starts with another sequence number, which its peer takes
// two Detection Times after the last packet (RFC 5880 §6.8.1), and one in Demand
// mode must ask before it knows.
func (p *pair) patience() (more session.Time) {
	for _, e := range []*Session{p.a, p.b} {
		longest := max(e.Params.DesiredMinTx, e.Params.RequiredMinRx, e.Params.Ceiling, session.SlowInterval)
		dt := 5 * session.Time(longest) * Microsecond
		if e.host.credential(p.auth).method.Type.Sequenced() {
			more = max(more, 2*dt)
		}
		if p.a.Params.Demand || p.b.Params.Demand {
			more = max(more, 3*dt)
		}
	}
	return more
}

// checkAgreement is rule (e).
func (s *scenario) checkAgreement() {
	w := s.world
	from := w.now
	w.Run(recovery)
	for i := range s.pairs {
		p := &s.pairs[i]
		if p.b.Params.Passive {
			continue
		}
		for end := from + recovery + p.patience(); w.now < end && !(p.a.Up() && p.b.Up()); {
			w.Run(Second)
		}
		for _, e := range []*Session{p.a, p.b} {
			if st := e.Status(); st.State != packet.Up {
				e.led.fail("(e) is %v %v s after the last fault", st.State, seconds(w.now-from))
			}
		}
	}
	w.Run(settlement)
	for _, p := range s.pairs {
		agree(p.a, p.b)
		agree(p.b, p.a)
		s.agreeOnEcho(p.a, p.b)
		s.agreeOnEcho(p.b, p.a)
	}
	if e := s.lonely; e != nil {
		if st := e.Status(); st.State != packet.Up || st.Remote.Discr != e.Discr || st.TxInterval != e.Params.DesiredMinTx {
			e.led.fail("(e) does not hear itself: %v/%d, every %d µs, from %08x", st.State, st.Diag, st.TxInterval, st.Remote.Discr)
		}
	}
}

// agree compares what one end times with what both ends are configured to do
// (RFC 5880 §6.8.2-6.8.4).
func agree(e, peer *Session) {
	st := e.Status()
	ownTx, ownRx := e.asks()
	peerTx, peerRx := peer.asks()
	tx := max(ownTx, peerRx)
	dt := int64(peer.Params.DetectMult) * int64(max(ownRx, peerTx)) * session.Microsecond
	if e.Params.Demand {
		dt = int64(e.Params.DetectMult) * int64(tx) * session.Microsecond
	}
	switch {
	case st.State != packet.Up:
		e.led.fail("(e) does not stay Up: %v/%d", st.State, st.Diag)
	case st.Polling && !e.Params.Demand:
		e.led.fail("(e) still polls")
	case st.Remote.Discr != peer.Discr:
		e.led.fail("(e) takes its peer for %08x, it is %08x", st.Remote.Discr, peer.Discr)
	case st.TxInterval != tx:
		e.led.fail("(e) sends every %d µs, agreed were %d", st.TxInterval, tx)
	case st.DetectionTime != dt:
		e.led.fail("(e) detects in %d ns, agreed were %d", st.DetectionTime, dt)
	case mayBeHeard(&st) && st.Heard != engine.HeardActive && e.host.hasLanes():
		e.led.fail("(m) each packet goes through the ring: %v", st.Heard)
	case st.Demand.Local != e.Params.Demand || st.Demand.Remote != peer.Params.Demand:
		e.led.fail("(e) has Demand mode %+v, configured are %v and %v", st.Demand, e.Params.Demand, peer.Params.Demand)
	}
}

// asks is what an end that is Up asks for: what is configured, less often where
// congestion was or Echo guards the path.
func (s *Session) asks() (tx, rx uint32) {
	st := s.Status()
	if s.Params.Ceiling != 0 {
		return st.AdvertisedMinTx, st.AdvertisedMinRx
	}
	tx, rx = s.Params.DesiredMinTx, s.Params.RequiredMinRx
	if st.Echo.State == engine.EchoActive {
		rx = max(rx, session.SlowInterval)
	}
	return tx, rx
}

// agreeOnEcho: Echo guards the path where both ends want it and it comes back
// in time, and nowhere else.
func (s *scenario) agreeOnEcho(e, peer *Session) {
	want := engine.EchoOff
	switch link := e.Path.Ifindex - 1; {
	case e.Params.EchoTx == 0:
	case peer.Params.EchoRx == 0:
		want = engine.EchoUnwanted
	case s.noEcho[s.links[link]]:
		want = engine.EchoProbing
	default:
		want = engine.EchoActive
	}
	if got := e.Status().Echo.State; got != want {
		e.led.fail("(e) Echo is %v, should be %v", got, want)
	}
}
