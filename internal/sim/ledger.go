package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// ledger is what can be known of one end of a session from outside: what its
// operator asked for, what it was given to hear and what it said. Where the
// frames cannot tell which of two values is in force, it keeps both.
type ledger struct {
	watch  *Watch
	host   *Host
	thread *thread // of the worker that runs it
	discr  uint32
	dead   bool
	seen   bool          // its worker has it
	status engine.Status // after the last Step

	params   session.Params
	removing bool
	bound    bool
	address  address
	macs     [2]packet.MAC // of the neighbour: as set last, and as it was after the last Step

	heard        // what it was given to hear
	said         // what it said
	poll   poll  // where it stands with its Polls
	tally        // what it should have counted
	tx, rx span  // timers that may be in force, µs
	events story // what it must tell its clients
}

// heard is the peer as the frames show it.
type heard struct {
	known bool           // it has been heard within the Detection Time
	at    session.Time   // latest arrival
	peer  packet.Control // the last packet
}

// said is what the session sent.
type said struct {
	spoken  bool
	last    packet.Control // but for Finals
	lastAt  session.Time
	since   session.Time // the present gap is counted from here: lastAt, or the path's coming
	parted  bool         // it has sent a packet soon after the news of its removal
	stirred bool         // it would say something else now, or would have in between
	newPath bool         // a path was set since the last Step
	doubt   string       // a breach, unless this Step turns out to have changed more than it shows
}

// span is a timer of which one of several values is in force.
type span struct{ lo, hi uint32 }

func (s *span) set(v uint32) { *s = span{v, v} }
func (s *span) add(v uint32) { *s = span{min(s.lo, v), max(s.hi, v)} }

// begin is bfd's initial state (RFC 5880 §6.8.1).
func (l *ledger) begin() {
	l.peer.RequiredMinRx = 1
	l.tx.set(l.slowTx())
	l.rx.set(l.params.RequiredMinRx)
	l.poll.changes = 0
}

// slowTx is the Desired Min TX Interval of a session that is not Up.
func (l *ledger) slowTx() uint32 { return max(l.params.DesiredMinTx, session.SlowInterval) }

func (l *ledger) adminDown() bool { return l.params.AdminDown || l.removing }

func (l *ledger) pathSet(p engine.Path) {
	if l == nil {
		return
	}
	l.unbind()
	l.address, l.macs[0] = address{p.Ifindex, p.Local, p.Peer}, p.PeerMAC
	for _, o := range l.watch.all {
		if o.removing && o.host == l.host && o.address == l.address {
			o.die() // two voices would contradict each other
		}
	}
	if !l.bound {
		l.newPath = true
	}
	l.bound = true
	l.watch.byAddr[l.host][l.address] = l
}

func (l *ledger) pathCleared() {
	if l != nil {
		l.unbind()
		l.bound = false
	}
}

func (l *ledger) unbind() {
	if at := l.watch.byAddr[l.host]; at[l.address] == l {
		delete(at, l.address)
	}
}

func (l *ledger) configured(p session.Params) {
	if l == nil {
		return
	}
	if p.DesiredMinTx != l.params.DesiredMinTx || p.RequiredMinRx != l.params.RequiredMinRx {
		l.timerChanges(1)
	}
	// The old values may be in force without ever having been sent.
	for _, p := range []session.Params{l.params, p} {
		l.tx.add(p.DesiredMinTx)
		l.rx.add(p.RequiredMinRx)
	}
	l.params = p
	l.tx.add(l.slowTx())
}

func (l *ledger) removed(hold int64) {
	if l == nil {
		return
	}
	l.unbind()
	if hold < 0 {
		l.die()
		return
	}
	l.removing = true
	if !l.bound {
		l.address = address{} // nothing that a new session's path could be
	}
	l.timerChanges(1)
	l.tx.add(l.slowTx())
}

// die: the command that frees the session has been posted, so it will hear
// nothing any more.
func (l *ledger) die() { l.dead = true }

// gone: the worker has freed it.
func (l *ledger) gone() {
	if !l.dead && !l.removing {
		l.fail("(f) has gone without being removed")
	}
	l.die()
	delete(l.watch.byDiscr[l.host], l.discr)
}

// accepts tells whether a frame found to be this session's passes the checks
// that need the session.
func (l *ledger) accepts(p *seen) bool { return p.dgram.TTL == 255 && !p.control.Auth }

// hears is a frame that the session was given.
func (l *ledger) hears(p *seen) {
	if !l.accepts(p) {
		l.discarded++
		return
	}
	c := &p.control
	if !l.known || p.arrival > l.at {
		l.at = p.arrival
	}
	l.known = true
	l.peer = *c
	l.poll.hears(c, l.host.world.now)
	if l.adminDown() {
		l.discarded++
		return
	}
	l.received++
	if c.Poll && l.bound {
		l.finalsDue++
	}
}

// sends is a packet the session sent in Step s.
func (l *ledger) sends(s *step, p *seen) {
	c := p.control
	l.transmitted++
	l.checkForm(p)
	if c.Final {
		l.finals++
		l.watch.finals++
		if c.Poll {
			l.fail("(d) sent P and F in one packet (RFC 5880 §6.5)")
		}
		return
	}
	l.inForce(s.now, &c)
	l.pace(s, &c)
	l.pollSent(s.now, &c)
	l.spoken, l.last, l.lastAt, l.since, l.stirred = true, c, s.now, s.now, false
}

// checkForm is what every packet must look like (RFC 5880 §4.1, RFC 5881 §4-5).
func (l *ledger) checkForm(p *seen) {
	d, c := &p.dgram, &p.control
	switch {
	case p.drop != packet.DropNone:
		l.fail("(f) sends a packet that everybody must drop: %v", p.drop)
	case d.TTL != 255 || d.DstPort != packet.PortControl || d.SrcPort < 49152:
		l.fail("(f) sends with TTL %d, ports %d > %d", d.TTL, d.SrcPort, d.DstPort)
	case d.Src != l.address.local || d.Dst != l.address.peer || d.DstMAC != l.macs[0] && d.DstMAC != l.macs[1] || p.ifindex != l.address.ifindex:
		l.fail("(f) sends from %v to %v at %x on %d", d.Src.Netip(), d.Dst.Netip(), d.DstMAC, p.ifindex)
	case c.State != packet.Up && c.DesiredMinTx < session.SlowInterval:
		l.fail("(c) advertises %d µs while %v (RFC 5880 §6.8.3)", c.DesiredMinTx, c.State)
	}
}

// inForce learns from a packet which timers may be in force now. Unless Up,
// what is advertised is; while Up, only when no Poll can hold it back. What is
// configured may be in force and not advertised yet.
func (l *ledger) inForce(now session.Time, c *packet.Control) {
	wanted := l.params.DesiredMinTx
	if c.State != packet.Up {
		wanted = l.slowTx()
	}
	if c.State != packet.Up || l.poll.settled(c, now) {
		l.tx.set(wanted)
		l.rx.set(l.params.RequiredMinRx)
	}
	l.tx.add(wanted)
	l.tx.add(c.DesiredMinTx)
	l.rx.add(l.params.RequiredMinRx)
	l.rx.add(c.RequiredMinRx)
}

// judge compares the ledger with the session as it stands after Step s.
func (l *ledger) judge(s *step, st *engine.Status) {
	if n := moves(st) - moves(&l.status); n > 0 {
		l.doubt = ""
		l.timerChanges(int(n))
		l.host.world.note(l.host.name, "%08x %v > %v/%d", l.discr, st.Change.From, st.Change.To, uint8(st.Diag))
	}
	l.checkDetection(s, st)
	if l.doubt != "" {
		l.fail("%s", l.doubt)
		l.doubt = ""
	}
	l.checkPace(s, st)
	l.stir(st)
	l.checkCounts(st)
	l.events.failures(s.now, st.Counters.Failures-l.status.Counters.Failures)
	l.seen, l.status, l.macs[1] = true, *st, l.macs[0]
}

// moves counts changes of state, those to Init apart.
func moves(st *engine.Status) uint64 {
	return st.Counters.Up + st.Counters.Down + st.Counters.AdminDown
}

// detectionTime is the peer's multiplier times the greater of our Required Min
// RX and the peer's Desired Min TX (RFC 5880 §6.8.4), for a value of the first.
func (l *ledger) detectionTime(rx uint32) session.Time {
	return session.Time(l.peer.DetectMult) * session.Time(max(rx, l.peer.DesiredMinTx)) * Microsecond
}
