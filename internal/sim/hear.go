package sim

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// begins takes the state of the session before and after a Step.
func (l *ledger) begins(s *step) {
	l.after, l.there = s.thread.worker.Status(l.discr, s.now)
	l.steady = l.there && l.seen && moves(&l.after) == moves(&l.status) && l.after.State == l.status.State
	l.wasActive, l.wasAsked = l.echo.active, l.asked(&l.status)
	l.txWas = l.tx
	l.retimeEcho(s.now)
}

// hears is a packet that the session was given.
func (l *ledger) hears(p *seen) {
	if !l.fitsKind(p) {
		return // counted as ttl, or not at all
	}
	if len(l.host.threads) > 1 && p.arrival < l.newest { // overtaken by way of another queue
		l.hearsOvertaken(p)
		return
	}
	cred, ok := l.authentic(p)
	l.heardNow = true
	if !ok {
		l.discarded++
		l.watch.Refused++
		return
	}
	l.proven(cred, p)
	c := &p.control
	l.narrow(p.arrival)
	if !l.known || p.arrival > l.at {
		l.at = p.arrival
	}
	l.known = true
	l.follow(c)
	if l.adminDown() && l.params.Kind != session.Unaffiliated {
		l.discarded++
		return
	}
	l.received++
	l.newest = p.arrival
	if l.host.lanes != nil {
		l.alone.accepted(*p)
	}
	if c.Poll && l.bound && l.params.Kind != session.Unaffiliated {
		l.finalsDue++
	}
}

// hearsOvertaken is a packet that arrived before one that was received already:
// whoever polls is answered, and what else it says is of no use any more.
func (l *ledger) hearsOvertaken(p *seen) {
	own := l.params.Kind == session.Unaffiliated
	if _, ok := l.authentic(p); !ok || l.adminDown() && !own {
		l.discarded++
		return
	}
	l.received++
	if p.control.Poll && l.bound && !own {
		l.finalsDue++
	}
}

// follow takes over what the peer says of itself. To unaffiliated Echo its own
// packets say no more than the state (RFC 9747 §2).
func (l *ledger) follow(c *packet.Control) {
	if l.params.Kind == session.Unaffiliated {
		l.peer.State, l.peer.Diag, l.peer.MyDiscr = c.State, c.Diag, c.MyDiscr
		return
	}
	before := l.peer
	l.peer = *c
	now := l.host.world.now
	l.poll.hears(c, now)
	if c.Final {
		l.demandFinal(now)
	}
	if before.RequiredMinRx != c.RequiredMinRx {
		l.showsPath(now)
	}
	if c.RequiredMinEchoRx == 0 {
		l.stopEcho()
	}
	l.retimeEcho(now)
	l.demand.peerUp = l.demand.peerUp || c.State == packet.Up
	l.demand.peerNot = l.demand.peerNot || c.State != packet.Up || c.RequiredMinRx == 0
}

// forget: the peer has not been heard for a Detection Time (RFC 5880 §6.8.1).
func (l *ledger) forget() {
	l.known, l.stirred, l.doubt = false, true, ""
	l.peer.State, l.peer.Demand = packet.Down, false
	l.peer.RequiredMinRx = 1 // RFC 5880 §6.8.18
}

// wantRx is the Required Min RX Interval that the session asks for: a second or
// more while Echo guards the path, and as slow as congestion makes it.
func (l *ledger) wantRx() uint32 {
	us := l.params.RequiredMinRx
	if l.params.Ceiling != 0 {
		us = l.after.AdvertisedMinRx
	}
	if l.echo.active {
		us = max(us, session.SlowInterval)
	}
	return us
}

// wantTx is the Desired Min TX Interval of a session that is Up.
func (l *ledger) wantTx() uint32 {
	if l.params.Ceiling != 0 {
		return max(l.params.DesiredMinTx, l.after.AdvertisedMinTx)
	}
	return l.params.DesiredMinTx
}
