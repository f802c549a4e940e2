package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// Watch judges a run. It sees what each Step of each worker took and sent and
// how the sessions stood after it, keeps a ledger of every session from that,
// and compares the two with the rules:
//
//	(a) no Down with diagnostic 1 while an accepted packet arrived within the
//	    Detection Time                                      detect.go
//	(b) when the peer is silent, Down with diagnostic 1 in the first Step after
//	    the Detection Time, and that Step asked for in time detect.go
//	(c) periodic packets only inside the jitter window, never faster than the
//	    peer's Required Min RX, never late by our own doing pace.go
//	(d) every Poll ends with the first Final that gets through, and only so;
//	    every change of a timer starts one; one Final for each Poll heard
//	                                                        poll.go
//	(e) when all faults have stopped both ends are Up and agree
//	                                                        run.go
//	(f) no frame and no counter is lost                     count.go
//	(g) no failure is missing from the events, however late they are read
//	                                                        event.go
//	(h) a packet is authentic or changes nothing; those sent are made with the
//	    key in use and numbered without a gap               credential.go
//	(i) Echo only when Up and allowed, at the rate allowed; Required Min RX a
//	    second or more while it guards the path; lost Echo found in time, and
//	    no other: none that is late, replayed or forged counts
//	                                                        echo.go
//	(j) D only under its conditions; silence that was asked for is kept, and is
//	    no failure; a failure is found within the bound     demand.go
//	(k) Echo is sent back once, as it came but for MACs and TTL, and only where
//	    that is offered                                     loop.go
//	(l) what the operator says is done                      judge.go
//	(m) an XDP program hears by itself only what repeats the last packet that
//	    the session took, while it need not look at each; nothing else keeps
//	    the session                                         alone.go
//	(n) it answers for a session only while its host stands still, not for
//	    long, not too often, and with what the session said last; a stall
//	    that is insured costs no session, and two hosts that stand still fall
//	    silent                                              alone.go, standstill.go
//	(o) a near miss is counted when there was one, and only then
//	                                                        margin.go
//	(p) a failure tells of no stall and no loss that there was not
//	                                                        evidence.go
//
// A Step is judged as a whole, because nobody outside can tell in which order
// it took a frame and sent another. A nil Watch judges nothing.
type Watch struct {
	world           *World
	Broken          []string // the rules that were broken, the first few
	Downs           Downs
	Finals, Looped  uint64
	Refused         uint64 // packets that were not authentic
	Heard, Answered uint64 // by XDP programs alone

	byDiscr map[*Host]map[uint32]*ledger
	byAddr  map[*Host]map[address]*ledger
	all     []*ledger
}

// Downs counts sessions that went Down for want of something.
type Downs struct {
	Silence, Echo, Demand, Unaffiliated uint64
}

// NewWatch returns a Watch over the hosts.
func NewWatch(w *World, hosts ...*Host) *Watch {
	v := &Watch{
		world:   w,
		byDiscr: make(map[*Host]map[uint32]*ledger),
		byAddr:  make(map[*Host]map[address]*ledger),
	}
	for _, h := range hosts {
		h.watch = v
		v.byDiscr[h] = make(map[uint32]*ledger)
		v.byAddr[h] = make(map[address]*ledger)
	}
	return v
}

// maxBroken is how many breaches are written down; the first is the one to
// look at.
const maxBroken = 5

func (v *Watch) fail(who, format string, args ...any) {
	if v == nil {
		panic("sim: " + who + ": " + fmt.Sprintf(format, args...))
	}
	text := fmt.Sprintf("seed %d, %.6f s, %s: ", v.world.Seed, seconds(v.world.Elapsed()), who) + fmt.Sprintf(format, args...)
	v.world.note(who, "BROKEN: %s", text)
	if len(v.Broken) < maxBroken {
		v.Broken = append(v.Broken, text)
	}
}

func (l *ledger) fail(format string, args ...any) {
	l.watch.fail(fmt.Sprintf("%s session %08x", l.host.name, l.discr), format, args...)
}

func (v *Watch) added(s *Session) *ledger {
	if v == nil {
		return nil
	}
	l := &ledger{watch: v, host: s.host, discr: s.Discr, params: s.Params}
	l.auth.use = s.host.credential(s.Auth)
	l.begin()
	l.thread = l.host.threads[l.host.Engine.WorkerOf(l.discr)]
	l.thread.ledgers = append(l.thread.ledgers, l)
	v.byDiscr[l.host][l.discr] = l
	v.all = append(v.all, l)
	return l
}

// stepped judges a Step. The order is the engine's: frames of its own ports, before
// each of them what others had handed over and what arrived earlier, the rest of
// that, and only then what it sent of itself.
func (v *Watch) stepped(s *step) {
	if v == nil {
		return
	}
	for _, l := range s.thread.ledgers {
		l.begins(s)
	}
	for i := range s.took {
		v.takeInbox(s.thread, s.took[i].arrival)
		v.mayLoop(s.thread.host, &s.took[i])
		v.route(s.thread, &s.took[i])
	}
	v.takeInbox(s.thread, session.Never)
	for _, l := range s.thread.ledgers {
		if l.there {
			l.checkReturned(s, &l.after)
		}
	}
	for i := range s.sent {
		v.sent(s, &s.sent[i])
	}
	v.judge(s)
}

// sent finds out whose a frame is that was sent.
func (v *Watch) sent(s *step, p *seen) {
	h := s.thread.host
	l := v.byDiscr[h][p.control.MyDiscr]
	if p.isEcho() {
		if l = v.byDiscr[h][p.echoOf()]; l == nil || p.dgram.Dst != l.path.Local {
			v.loops(h, p)
			return
		}
	}
	switch {
	case l == nil || l.thread != s.thread:
		v.fail(s.thread.name, "(f) sends a packet of no session of its own: %+v", p.control)
	case p.isEcho() && l.params.Kind != session.Unaffiliated:
		l.sendsEcho(s, p)
	default:
		l.sends(s, p)
	}
}

// judge compares the ledgers of a thread with what its worker says, and drops
// those whose session has gone.
func (v *Watch) judge(s *step) {
	kept := s.thread.ledgers[:0]
	for _, l := range s.thread.ledgers {
		switch {
		case l.there:
			kept = append(kept, l)
			l.judge(s, &l.after)
		case l.seen || l.dead:
			l.gone()
		default: // not installed yet
			kept = append(kept, l)
		}
	}
	s.thread.ledgers = kept
}

// waiting tells whether a frame of a session that arrived before an instant
// lies in a ring of its host, nobody having taken it; others says whether to
// look into other workers' rings too.
func (v *Watch) waiting(l *ledger, before session.Time, others bool) bool {
	for _, n := range l.host.NICs {
		for _, q := range n.queues {
			if q.thread != l.thread && !others {
				continue
			}
			for _, f := range q.ring {
				p := look(n.Ifindex, f)
				if f.arrival < before && v.find(l.host, &p) == l && l.counts(&p) {
					return true
				}
			}
		}
	}
	return false
}

// counts tells whether a packet would keep the session alive.
func (l *ledger) counts(p *seen) bool {
	if p.isEcho() && l.params.Kind != session.Unaffiliated {
		return l.genuine(p) >= 0
	}
	_, ok := l.authentic(p)
	return ok && l.fitsKind(p)
}

var _ engine.Port = (*queue)(nil)
