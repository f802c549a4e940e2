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
	there  bool          // and still has it after this Step
	status engine.Status // after the last Step
	after  engine.Status // after this one
	steady bool          // its state has not changed in this Step

	params   session.Params
	removing bool
	pathDown bool // somebody told it that the path failed
	reset    bool // somebody told it of a forwarding reset since the last Step
	bound    bool
	address  address
	path     engine.Path
	macs     [2]packet.MAC // of the neighbour: as set last, and as it was after the last Step

	heard        // what it was given to hear
	said         // what it said
	alone  alone // what the XDP program does for it
	auth   proofs
	echo   echoes
	demand demand
	poll   poll  // where it stands with its Polls
	tally        // what it should have counted
	tx, rx span  // timers that may be in force, µs
	txWas  span  // before this Step
	events story // what it must tell its clients
}

// heard is the peer as the frames show it.
type heard struct {
	heardNow bool           // something, in this Step
	known    bool           // it has been heard within the Detection Time
	at       session.Time   // latest arrival
	newest   session.Time   // arrival of the packet received last
	missed   misses         // in this Step
	spared   session.Time   // silence may count from here instead, if that is later
	peer     packet.Control // the last packet
}

// said is what the session sent.
type said struct {
	spoken  bool
	last    packet.Control // but for Finals
	lastAt  session.Time
	since   session.Time // the present gap is counted from here: lastAt, or the path's coming
	parted  bool         // it has sent a packet soon after the news of its removal
	stirred bool         // it would say something else now, or would have in between
	retimed int          // how often it was configured since the last Step
	newPath bool         // a path was set or taken since the last Step

	wasActive bool   // Echo guarded the path before this Step
	wasAsked  bool   // the peer had asked for silence before this Step
	doubt     string // a breach, unless this Step turns out to have changed more than it shows
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

func (l *ledger) adminDown() bool { return l.params.AdminDown || l.removing || l.pathDown }

func (l *ledger) pathSet(p engine.Path) {
	if l == nil {
		return
	}
	l.unbind()
	l.path, l.address, l.macs[0] = p, addressOf(l.params.Kind, &p), p.PeerMAC
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
		l.bound, l.newPath = false, true
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
	p.Kind = l.params.Kind
	l.params = p
	l.tx.add(l.slowTx())
	if p.EchoTx == 0 {
		l.stopEcho()
	}
	l.retimed++
	l.showsPath(l.host.world.now)
	l.stirred = l.stirred || p.Kind == session.Unaffiliated // whose packets do not show it
}

// signalled is the news of a path that failed, or works again, or of a reset of
// the forwarding plane.
func (l *ledger) signalled(d packet.Diag) {
	switch {
	case l == nil:
	case d == packet.DiagForwardingReset:
		l.reset = true
	case d == packet.DiagPathDown || d == packet.DiagNone:
		l.pathDown = d == packet.DiagPathDown
	}
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

// sends is a packet the session sent in Step s.
func (l *ledger) sends(s *step, p *seen) {
	c := p.control
	l.transmitted++
	l.checkForm(p)
	if c.Final {
		l.finals++
		l.watch.Finals++
		if c.Poll {
			l.fail("(d) sent P and F in one packet (RFC 5880 §6.5)")
		}
		return
	}
	l.inForce(s.now, &c)
	l.pace(s, &c)
	l.demandPoll(s.now, &c)
	l.pollSent(s.now, &c)
	l.spoken, l.last, l.lastAt, l.since, l.stirred = true, c, s.now, s.now, false
}

// inForce learns from a packet which timers may be in force now. Unless Up,
// what is advertised is; while Up, only when no Poll can hold it back. What is
// configured may be in force and not advertised yet.
func (l *ledger) inForce(now session.Time, c *packet.Control) {
	wanted, own := l.wantTx(), l.params.Kind == session.Unaffiliated
	if c.State != packet.Up {
		wanted = l.slowTx()
	}
	if c.State != packet.Up || own || l.poll.settled(c, now) {
		l.tx.set(wanted)
		l.rx.set(l.wantRx())
	}
	l.tx.add(wanted)
	l.rx.add(l.wantRx())
	if !own { // there the fields say nothing (RFC 9747 §2)
		l.tx.add(c.DesiredMinTx)
		l.rx.add(c.RequiredMinRx)
	}
}
