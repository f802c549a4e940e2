package sim

import (
	"io"

	"github.com/xbfd/xbfd/engine/session"
)

// Result is what became of one seed.
type Result struct {
	Seed     uint64
	Hash     uint64       // of the trace
	Virtual  session.Time // how long the run took in virtual time
	Sessions int          // pairs
	Frames   uint64       // offered to the wires
	Injected uint64       // of those, by attackers
	Steps    uint64
	Downs    Downs
	Finals   uint64   // Polls answered
	Looped   uint64   // Echo sent back
	Refused  uint64   // packets that were not authentic
	Heard    uint64   // packets that XDP programs heard alone
	Answered uint64   // and answered while a host stood still
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
	s.checkStandstill()
	s.rest()

	r := Result{
		Seed: seed, Hash: w.Trace.Hash(), Virtual: w.Elapsed(), Sessions: len(s.pairs),
		Steps: s.a.steps() + s.b.steps(), Broken: s.watch.Broken,
		Downs: s.watch.Downs, Finals: s.watch.Finals, Looped: s.watch.Looped, Refused: s.watch.Refused, Heard: s.watch.Heard, Answered: s.watch.Answered,
	}
	for _, l := range s.links {
		r.Frames += l.There.Offered + l.Back.Offered
		r.Injected += l.There.Injected + l.Back.Injected
	}
	return r
}

// rest lets everything come to its end and does the sums.
func (s *scenario) rest() {
	w := s.world
	for _, l := range s.links {
		l.Dark(true)
	}
	if s.far != nil {
		s.far.Dark(true)
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
