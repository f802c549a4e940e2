package sim

import (
	"io"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Result is what became of one seed.
type Result struct {
	Seed     uint64
	Hash     uint64       // of the trace
	Virtual  session.Time // how long the run took in virtual time
	Sessions int          // pairs
	Frames   uint64       // offered to the wires
	Steps    uint64
	Expired  uint64   // Downs by silence
	Finals   uint64   // Polls answered
	Broken   []string // rules that were broken, the first few
}

// Run plays the scenario of one seed. trace, unless nil, gets the text.
func Run(seed uint64, trace io.Writer) Result {
	w := NewWorld(seed)
	w.Trace.Out = trace
	s := newScenario(w)
	s.schedule()
	w.RunUntil(s.quiet)
	s.calm()
	s.checkAgreement()
	s.rest()

	r := Result{
		Seed: seed, Hash: w.Trace.Hash(), Virtual: w.Elapsed(), Sessions: len(s.pairs),
		Steps: s.a.steps() + s.b.steps(), Broken: s.watch.Broken,
		Expired: s.watch.expired, Finals: s.watch.finals,
	}
	for _, l := range s.links {
		r.Frames += l.There.Offered + l.Back.Offered
	}
	return r
}

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
	}
	for _, h := range []*Host{s.a, s.b} {
		h.Late = func() session.Time { return w.upTo(50 * Microsecond) }
		for _, n := range h.NICs {
			n.Refuse, n.NoRoom, n.RingCap = 0, 0, defaultRing
		}
	}
	for _, p := range s.pairs {
		p.a.heal()
		p.b.heal()
	}
}

// heal undoes what keeps an end from coming Up.
func (s *Session) heal() {
	s.Return()
	p := s.Params
	p.AdminDown = false
	if p.RequiredMinRx == 0 {
		p.RequiredMinRx = p.DesiredMinTx
	}
	if p != s.Params {
		s.Configure(p)
	}
	if !s.hasPath {
		s.SetPath(s.Path)
	}
}

// checkAgreement is rule (e).
func (s *scenario) checkAgreement() {
	s.world.Run(recovery)
	for _, p := range s.pairs {
		if p.b.Params.Passive {
			continue
		}
		for _, e := range []*Session{p.a, p.b} {
			if st := e.Status(); st.State != packet.Up {
				e.led.fail("(e) is %v %v s after the last fault", st.State, seconds(recovery))
			}
		}
	}
	s.world.Run(settlement)
	for _, p := range s.pairs {
		agree(p.a, p.b)
		agree(p.b, p.a)
	}
}

// agree compares what one end times with what both ends are configured to do
// (RFC 5880 §6.8.2-6.8.4).
func agree(e, peer *Session) {
	st := e.Status()
	tx := max(e.Params.DesiredMinTx, peer.Params.RequiredMinRx)
	dt := int64(peer.Params.DetectMult) * int64(max(e.Params.RequiredMinRx, peer.Params.DesiredMinTx)) * session.Microsecond
	switch {
	case st.State != packet.Up:
		e.led.fail("(e) does not stay Up: %v/%d", st.State, st.Diag)
	case st.Polling:
		e.led.fail("(e) still polls")
	case st.Remote.Discr != peer.Discr:
		e.led.fail("(e) takes its peer for %08x, it is %08x", st.Remote.Discr, peer.Discr)
	case st.TxInterval != tx:
		e.led.fail("(e) sends every %d µs, agreed were %d", st.TxInterval, tx)
	case st.DetectionTime != dt:
		e.led.fail("(e) detects in %d ns, agreed were %d", st.DetectionTime, dt)
	}
}

// rest lets everything come to its end and does the sums.
func (s *scenario) rest() {
	w := s.world
	for _, l := range s.links {
		l.Dark(true)
	}
	w.Run(100 * Millisecond)
	s.watch.checkFrames([]*Host{s.a, s.b}, s.links)
	s.watch.checkStories()
}

func (h *Host) steps() (n uint64) {
	for _, t := range h.threads {
		n += t.steps
	}
	return n
}
