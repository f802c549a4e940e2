package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
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
//
// A Step is judged as a whole, because nobody outside can tell in which order
// it took a frame and sent another. A nil Watch judges nothing.
type Watch struct {
	world           *World
	Broken          []string // the rules that were broken, the first few
	expired, finals uint64

	byDiscr map[*Host]map[uint32]*ledger
	byAddr  map[*Host]map[address]*ledger
	all     []*ledger
}

// address is what finds the session of a packet without a discriminator.
type address struct {
	ifindex     int32
	local, peer packet.Addr
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
	l.begin()
	l.thread = l.host.threads[l.host.Engine.WorkerOf(l.discr)]
	l.thread.ledgers = append(l.thread.ledgers, l)
	v.byDiscr[l.host][l.discr] = l
	v.all = append(v.all, l)
	return l
}

// stepped judges a Step. The order is the engine's: frames of its own ports,
// frames that others handed over, and only then what it sent of itself.
func (v *Watch) stepped(s *step) {
	if v == nil {
		return
	}
	for i := range s.took {
		v.route(s.thread, &s.took[i])
	}
	v.takeInbox(s.thread)
	for i := range s.sent {
		p := &s.sent[i]
		if l := v.byDiscr[s.thread.host][p.control.MyDiscr]; l == nil || l.thread != s.thread {
			v.fail(s.thread.name, "(f) sends a packet of no session of its own: %+v", p.control)
		} else {
			l.sends(s, p)
		}
	}
	v.judge(s)
}

// judge compares the ledgers of a thread with what its worker says, and drops
// those whose session has gone.
func (v *Watch) judge(s *step) {
	kept := s.thread.ledgers[:0]
	for _, l := range s.thread.ledgers {
		st, ok := s.thread.worker.Status(l.discr, s.now)
		switch {
		case ok:
			kept = append(kept, l)
			l.judge(s, &st)
		case l.seen || l.dead:
			l.gone()
		default: // not installed yet
			kept = append(kept, l)
		}
	}
	s.thread.ledgers = kept
}

// route finds the session of a frame and lets its ledger hear it, or hands it
// over to the thread whose worker owns the session.
func (v *Watch) route(t *thread, p *seen) {
	l := v.find(t.host, p)
	switch {
	case l == nil:
	case l.thread == t:
		l.hears(p)
	default:
		p.from = t.index
		l.thread.inbox = append(l.thread.inbox, *p)
	}
}

// takeInbox is what a worker does after its own ports: it empties the rings of
// the others, one after the other.
func (v *Watch) takeInbox(t *thread) {
	inbox := t.inbox
	t.inbox = nil
	for from := range t.host.threads {
		for _, p := range inbox {
			if p.from == from {
				v.route(t, &p)
			}
		}
	}
}

// find returns the ledger of the session that a frame belongs to by the rules
// of RFC 5880 §6.8.6, nil if the frame must be discarded.
func (v *Watch) find(h *Host, p *seen) *ledger {
	c := &p.control
	var l *ledger
	switch {
	case p.drop != packet.DropNone || p.dgram.DstPort != packet.PortControl:
		return nil
	case c.YourDiscr != 0:
		l = v.byDiscr[h][c.YourDiscr]
	case c.State == packet.Down || c.State == packet.AdminDown:
		l = v.byAddr[h][address{p.ifindex, p.dgram.Dst, p.dgram.Src}]
	}
	if l != nil && l.dead {
		return nil
	}
	return l
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
				if f.arrival < before && v.find(l.host, &p) == l && l.accepts(&p) {
					return true
				}
			}
		}
	}
	return false
}

var _ engine.Port = (*queue)(nil)
