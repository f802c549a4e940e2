package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
	"github.com/xbfd/xbfd/timerwheel"
)

// demand is a session's Demand mode (RFC 5880 §6.6) as the frames show it.
type demand struct {
	ever    bool         // one end or the other has asked for silence
	peerUp  bool         // the peer said so before this Step or in it
	peerNot bool         // or something else
	said    bool         // a packet of this Step asks for it
	unsent  bool         // a Poll may have had no way to leave since the last Final
	firstAt session.Time // first packet of the Poll that is unanswered; 0: none
	shown   session.Time // when the path was last known to work, as far as Polls tell
	late    session.Time // how late the thread had been by then
}

// asked reports whether the peer asks for silence and may: both ends Up.
func (l *ledger) asked(st *engine.Status) bool {
	return l.known && l.peer.Demand && l.peer.State == packet.Up && st.State == packet.Up
}

// checkDemandBit: D only under its three conditions, and then always.
func (l *ledger) checkDemandBit(c *packet.Control) {
	l.demand.ever, l.demand.said = l.demand.ever || c.Demand, l.demand.said || c.Demand
	switch {
	case c.Demand && !l.params.Demand:
		l.fail("(j) asks for silence, not being configured to")
	case c.Demand && (c.State != packet.Up || !l.demand.peerUp):
		l.fail("(j) asks for silence, being %v, its peer Up: %v (RFC 5880 §6.8.7)", c.State, l.demand.peerUp)
	case !c.Demand && l.steady && !l.demand.peerNot && l.status.Demand.Local && l.after.Demand.Local:
		l.fail("(j) does not ask for silence that it counts on")
	}
}

// demandPoll follows the Polls by which a path is checked.
func (l *ledger) demandPoll(now session.Time, c *packet.Control) {
	if c.Poll && l.demand.firstAt == 0 {
		l.demand.firstAt = now
	}
}

// demandFinal is a Final that was heard: the path works.
func (l *ledger) demandFinal(now session.Time) {
	l.demand.firstAt, l.demand.unsent = 0, false
	l.showsPath(now)
}

// showsPath sets back the time until a failure of the path must be found.
func (l *ledger) showsPath(now session.Time) {
	l.demand.shown, l.demand.late = now, l.thread.late
}

// checkUnanswered: the session has just declared its peer silent in Demand mode,
// which only a Poll without an answer can show (RFC 5880 §6.8.4).
func (l *ledger) checkUnanswered(s *step) {
	dt, _ := l.answerTime()
	l.watch.Downs.Demand++
	switch first := l.demand.firstAt; {
	case l.demand.unsent || !l.after.HasPath:
	case first == 0:
		l.fail("(j) declares silence that it has asked for, no Poll being unanswered")
	case s.now-first < dt:
		l.fail("(j) gives its Poll %.6f s, the Detection Time being %.6f s", seconds(s.now-first), seconds(dt))
	}
}

// checkDemand is rule (j) after a Step: while our demand is active a failure is
// found within the time that is stated.
func (l *ledger) checkDemand(s *step, st *engine.Status) {
	d := &l.demand
	if st.Demand.Local != l.status.Demand.Local || st.Demand.Bound != l.status.Demand.Bound {
		l.showsPath(s.now)
	}
	d.ever = d.ever || l.peer.Demand
	d.peerUp = l.known && l.peer.State == packet.Up
	d.peerNot, d.said = !d.peerUp, false
	if want := l.params.Demand && st.State == packet.Up && d.peerUp && l.peer.RequiredMinRx != 0; st.Demand.Local != want {
		l.fail("(j) Demand mode is %v, must be %v", st.Demand.Local, want)
	}
	if !st.HasPath || st.Counters.TxFailed != l.status.Counters.TxFailed {
		l.showsPath(s.now) // it cannot even ask
		d.unsent = true
	}
	if !st.Demand.Local || st.Demand.Bound == 0 || s.next <= s.now {
		return
	}
	// What the host was late with, the Polls were, too.
	end := d.shown + session.Time(st.Demand.Bound) + l.thread.late - d.late + handoffGrace + handoffRetry + stallSettle
	switch {
	case s.now > end+timerwheel.Tick:
		l.fail("(j) is Up %.6f s after the last Final, the bound being %.6f s", seconds(s.now-d.shown), seconds(session.Time(st.Demand.Bound)))
	case s.next > end+2*timerwheel.Tick:
		l.fail("(j) asks to be called %.6f s after the bound of its Demand mode, %.6f s", seconds(s.next-end), seconds(session.Time(st.Demand.Bound)))
	}
}

// checkAsked: no periodic packet to a peer that asked for silence, Polls apart.
func (l *ledger) checkAsked(c *packet.Control) {
	if l.steady && l.wasAsked && l.asked(&l.after) && !c.Poll && l.doubt == "" {
		l.doubt = fmt.Sprintf("(j) sends to a peer that asked for silence: %v/%d (RFC 5880 §6.8.7)", c.State, uint8(c.Diag))
	}
}

// answerTime is the Detection Time of Demand mode: our multiplier times the
// greater of our Desired Min TX and the peer's Required Min RX (RFC 5880 §6.8.4).
func (l *ledger) answerTime() (lo, hi session.Time) {
	mult := session.Time(l.params.DetectMult) * Microsecond
	tx := span{min(l.tx.lo, l.txWas.lo), max(l.tx.hi, l.txWas.hi)}
	return mult * session.Time(max(tx.lo, l.peer.RequiredMinRx)), mult * session.Time(max(tx.hi, l.peer.RequiredMinRx))
}
