package sim

import (
	"bytes"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// alone is what the XDP program does for a session, as the frames show it.
type alone struct {
	pattern *seen // the frame that it may hear; nil: none
	latest  *seen // the last one with P and F clear that the session accepted in this Step

	heard, answered uint64
	answeredAt      session.Time
}

// patience is how long after its last Step a host is spoken for.
const patience = 3 * Second

// accepted notes a packet that came through a ring and was received.
func (a *alone) accepted(p seen) {
	if !p.control.Poll && !p.control.Final {
		a.latest = &p
	}
}

// mayBeHeard: every packet of the peer says the same, and need not be looked at.
func mayBeHeard(st *engine.Status) bool {
	return st.State == packet.Up && st.Remote.State == packet.Up && st.Params.Kind != session.Unaffiliated &&
		!st.Auth.Use.On && !st.Auth.Armed && st.Echo.State != engine.EchoActive &&
		!st.Demand.Local && !st.Demand.Remote && !st.Polling && !st.PollQueued && st.Params.Ceiling == 0
}

// learn finds out after a Step which frame may be heard until the next, and is
// the part of rule (m) that is about counting.
func (l *ledger) learn(st *engine.Status) {
	a := &l.alone
	switch {
	case !mayBeHeard(st):
		a.pattern = nil
	case a.latest != nil:
		a.pattern = a.latest
	}
	a.latest = nil
	if st.RxHeard != a.heard || st.Answered != a.answered {
		l.fail("(m) counts %d packets heard and %d answered, there were %d and %d", st.RxHeard, st.Answered, a.heard, a.answered)
		a.heard, a.answered = st.RxHeard, st.Answered
	}
	if st.Insured && (!l.host.insured || !mayBeHeard(st)) {
		l.fail("(n) is insured, being %v with its host's insurance %v", st.Heard, l.host.insured)
	}
}

// hearsAlone is rule (m) for a frame that the program heard.
func (v *Watch) hearsAlone(n *NIC, discr uint32, f *frame) {
	if v == nil {
		return
	}
	l := v.byDiscr[n.host][discr]
	if l == nil {
		v.fail(n.host.name, "(m) hears a packet to %08x, which is gone", discr)
		return
	}
	a := &l.alone
	a.heard++
	v.Heard++
	if l.dead {
		return
	}
	switch {
	case a.pattern == nil:
		l.fail("(m) hears a packet without looking at it, being %v to %v", l.status.State, l.status.Remote.State)
	case a.pattern.ifindex != n.Ifindex || !repeats(a.pattern.raw, f.bytes()):
		l.fail("(m) hears a frame that differs from the one it accepted last")
	case content(&a.pattern.control) != content(&l.peer):
		l.fail("(m) hears a packet that is news: %+v, the peer having said %+v", a.pattern.control, l.peer)
	}
	l.at = max(l.at, f.arrival)
	l.poll.hears(&packet.Control{}, v.world.now)
}

// repeats tells whether two frames are the same but for the IPv4 identification
// and header checksum.
func repeats(a, b []byte) bool {
	const ip, ipv4 = 14, 0x08
	if len(a) != len(b) || a[12] != ipv4 {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(a[:ip+4], b[:ip+4]) && bytes.Equal(a[ip+6:ip+10], b[ip+6:ip+10]) && bytes.Equal(a[ip+12:], b[ip+12:])
}

// answers is rule (n) for a frame that the program sent in a session's place.
func (v *Watch) answers(n *NIC, discr uint32, f *frame) {
	if v == nil {
		return
	}
	v.Answered++
	l := v.byDiscr[n.host][discr]
	if l == nil || l.dead {
		return // hearsAlone has its say on that
	}
	a, p, now, st := &l.alone, look(n.Ifindex, f), v.world.now, &l.status
	a.answered++
	interval := session.Time(st.TxInterval) * Microsecond
	stood := now - l.thread.last
	switch {
	case !n.host.insured || !mayBeHeard(st):
		l.fail("(n) is answered for, being %v, insurance %v", st.State, n.host.insured)
	case interval == 0:
		l.fail("(n) is answered for, though the peer wants no packets (RFC 5880 §6.8.7)")
	case 4*(now-l.lastAt) < 5*interval || 4*stood < interval:
		l.fail("(n) is answered for %.6f s after its last packet and %.6f s after its last Step, interval %.6f s", seconds(now-l.lastAt), seconds(stood), seconds(interval))
	case now-n.host.lastStep() > patience:
		l.fail("(n) is answered for %.6f s after the last Step", seconds(now-n.host.lastStep()))
	case 4*(now-a.answeredAt) < 3*interval:
		l.fail("(n) is answered for %.6f s after the last answer, interval %.6f s", seconds(now-a.answeredAt), seconds(interval))
	}
	a.answeredAt = now
	l.checkAnswer(&p)
}

// checkAnswer: what is sent in a session's place is what it sent last itself, P
// and F clear.
func (l *ledger) checkAnswer(p *seen) {
	d, c, st := &p.dgram, &p.control, &l.status
	switch at := &st.Path; {
	case p.drop != packet.DropNone || c.Poll || c.Final || content(c) != content(&l.last):
		l.fail("(n) is answered for with %+v, having sent %+v", *c, l.last)
	case d.TTL != 255 || d.SrcPort != st.SourcePort || d.DstPort != portOf(st.Params.Kind):
		l.fail("(n) is answered for with TTL %d, ports %d > %d", d.TTL, d.SrcPort, d.DstPort)
	case !st.HasPath || d.Src != at.Local || d.Dst != at.Peer || d.SrcMAC != at.LocalMAC || d.DstMAC != at.PeerMAC:
		l.fail("(n) is answered for from %v at %x to %v at %x, its path being %+v", d.Src.Netip(), d.SrcMAC, d.Dst.Netip(), d.DstMAC, *at)
	}
}

// lastStep is when a thread of the host last ran.
func (h *Host) lastStep() (at session.Time) {
	for _, t := range h.threads {
		at = max(at, t.last)
	}
	return at
}
