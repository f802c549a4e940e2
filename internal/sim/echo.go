package sim

import (
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
	"github.com/xbfd/xbfd/timerwheel"
)

// echoes is a session's own Echo as the frames show it.
type echoes struct {
	active bool       // one has come back since Echo started, so a loss counts
	out    []sentEcho // those that may still come back and count, oldest first
	back   session.Time
	spoken bool
	last   session.Time // when the last one was sent
	since  session.Time // lateness is counted from here
	from   session.Time // and the Detection Time of those that are out from here,
	late   session.Time // when the thread had been so late,
	borne  session.Time // and it was so long
	unsent uint64       // sends that had found no buffer when one came back last
	gained uint64       // came back and count, in this Step
}

type sentEcho struct {
	at      session.Time
	payload string
}

// maxOut bounds what is kept of Echo that nobody loops.
const maxOut = 128

// echoInterval is the greater of our interval and what the peer asks for, in µs;
// 0 when the session must not send (RFC 5880 §6.8.9).
func (l *ledger) echoInterval() uint32 {
	if l.params.EchoTx == 0 || l.params.Kind != session.SingleHop || !l.known || l.peer.RequiredMinEchoRx == 0 {
		return 0
	}
	return max(l.params.EchoTx, l.peer.RequiredMinEchoRx)
}

// echoDetection is how long a loss of all Echo is borne.
func (l *ledger) echoDetection() session.Time {
	return session.Time(l.params.DetectMult) * session.Time(l.echoInterval()) * Microsecond
}

// stopEcho: nothing of it counts any more.
func (l *ledger) stopEcho() {
	if l.echo.active {
		l.timerChanges(1)
		l.rx.add(l.params.RequiredMinRx)
		l.rx.add(max(l.params.RequiredMinRx, session.SlowInterval))
	}
	l.echo.active, l.echo.out, l.echo.borne = false, nil, 0
}

// sendsEcho is rule (i) for an Echo packet that the session sent.
func (l *ledger) sendsEcho(s *step, p *seen) {
	l.host.echoFrames++
	d, e, interval := &p.dgram, &l.echo, session.Time(l.echoInterval())*Microsecond
	switch {
	case interval == 0 || l.after.State != packet.Up && l.status.State != packet.Up:
		l.fail("(i) sends Echo while %v, allowed by its peer %v (RFC 5880 §6.8.9)", l.after.State, l.peer.RequiredMinEchoRx)
	case d.TTL != 255 || d.SrcPort < 49152 || d.Src != l.path.EchoSource || d.Dst != l.path.Local || p.ifindex != l.path.Ifindex:
		l.fail("(i) sends Echo from %v to %v, TTL %d", d.Src.Netip(), d.Dst.Netip(), d.TTL)
	case d.DstMAC != l.macs[0] && d.DstMAC != l.macs[1]:
		l.fail("(i) sends Echo to %x (RFC 5881 §4)", d.DstMAC)
	case e.spoken && 4*(s.now-e.last) < 3*interval:
		l.fail("(i) sends Echo after %.6f s, interval %.6f s (RFC 5880 §6.8.9)", seconds(s.now-e.last), seconds(interval))
	}
	for _, o := range e.out {
		if o.payload == string(p.bfd) {
			l.fail("(i) sends the same Echo twice")
		}
	}
	e.spoken, e.last, e.since = true, s.now, s.now
	e.out = append(e.out, sentEcho{s.now, string(p.bfd)})
	if len(e.out) > maxOut {
		e.out = slices.Delete(e.out, 0, 1)
	}
}

// genuine returns the place among those that are out of an Echo that has come
// back and counts: byte for byte what was sent, in its time, not overtaken by a
// later one and not before. -1: it is none.
func (l *ledger) genuine(p *seen) int {
	if p.dgram.TTL != 254 || l.echoInterval() == 0 {
		return -1
	}
	for i, o := range l.echo.out {
		if o.payload == string(p.bfd) && p.arrival-o.at <= l.echoDetection() {
			return i
		}
	}
	return -1
}

// hearsEcho is an Echo packet of the session that has come back.
func (l *ledger) hearsEcho(p *seen) {
	i := l.genuine(p)
	if i < 0 {
		return
	}
	e := &l.echo
	e.out = slices.Delete(e.out, 0, i+1)
	e.gained++
	if !e.active {
		e.active, e.back, e.from = true, p.arrival, p.arrival
		l.timerChanges(1)
		l.rx.add(max(l.params.RequiredMinRx, session.SlowInterval))
	}
	e.back = max(e.back, p.arrival)
	e.unsent = l.after.Counters.TxFailed
	if p.arrival > e.from {
		e.from, e.late = p.arrival, l.thread.late
	}
}

// retimeEcho follows the Detection Time of Echo. One that becomes shorter has
// not passed for that.
func (l *ledger) retimeEcho(now session.Time) {
	e, dt := &l.echo, l.echoDetection()
	if dt < e.borne {
		e.from = max(e.from, min(e.from+e.borne-dt, now))
	}
	e.borne = dt
}

// checkFloor: Required Min RX is a second or more while Echo guards the path,
// and what was configured otherwise (RFC 5880 §6.8.3).
func (l *ledger) checkFloor(c *packet.Control) {
	if l.params.Kind == session.Unaffiliated || !l.steady || l.echo.active != l.wasActive || l.params.Ceiling != 0 || l.retimed > 1 || l.newPath {
		return
	}
	if want := l.wantRx(); c.RequiredMinRx != want {
		l.fail("(i) asks for %d µs, Echo active: %v, configured %d µs", c.RequiredMinRx, l.echo.active, l.params.RequiredMinRx)
	}
}

// checkReturned is rule (i) for what has come back in a Step: Echo packets are
// only sent after everything has been taken that waits.
func (l *ledger) checkReturned(s *step, st *engine.Status) {
	e := &l.echo
	gained := e.gained
	e.gained = 0
	if l.params.Kind != session.SingleHop {
		return
	}
	counted := st.Echo.Returned
	if counted >= l.status.Echo.Returned {
		counted -= l.status.Echo.Returned
	}
	kept := l.steady && l.bound && st.HasPath && !l.newPath
	if counted > gained || counted < gained && kept {
		l.fail("(i) counts %d Echo packets that came back, %d did in time", counted, gained)
	}
	l.host.returned += counted
	if !l.steady && st.State == packet.Down && st.Diag == packet.DiagEchoFailed {
		l.checkEchoSilence(s)
	}
	if !l.steady || st.State != packet.Up || l.echoInterval() == 0 || !st.HasPath {
		l.stopEcho()
		e.since = s.now
	}
}

// checkEchoSilence: the session has just gone Down for lost Echo.
func (l *ledger) checkEchoSilence(s *step) {
	e, dt := &l.echo, l.echoDetection()
	l.watch.Downs.Echo++
	switch {
	case !l.wasActive:
		l.fail("(i) Down for Echo that never came back (RFC 5880 §6.8.5)")
	case len(e.out) == 0 && l.after.Counters.TxFailed == e.unsent: // else one found no buffer
		l.fail("(i) Down for Echo, though the last one has come back")
	case s.now-e.back < dt:
		l.fail("(i) Echo declared lost %.6f s after the last one came back, Detection Time %.6f s", seconds(s.now-e.back), seconds(dt))
	case l.watch.waiting(l, e.back+dt, s.now < e.back+dt+handoffGrace):
		l.fail("(i) Echo declared lost while one waits in a ring that is in time")
	}
}

// checkEcho is rule (i) after a Step: Echo is sent in time, and lost Echo found
// in time.
func (l *ledger) checkEcho(s *step, st *engine.Status) {
	e, dt := &l.echo, l.echoDetection()
	if st.State != packet.Up || dt == 0 || !st.HasPath {
		return
	}
	if st.Counters.TxFailed != l.status.Counters.TxFailed || l.newPath {
		e.since = s.now
	}
	if s.next <= s.now || l.path.EchoSource == (packet.Addr{}) {
		return
	}
	slack := session.Time(timerwheel.Tick)
	if len(l.host.threads) > 1 {
		slack += handoffRetry
	}
	switch due := e.since + session.Time(l.echoInterval())*Microsecond; {
	case s.now >= due+slack:
		l.fail("(i) has sent no Echo for %.6f s", seconds(s.now-e.since))
	case s.next > due+slack:
		l.fail("(i) asks to be called %.6f s after its next Echo is due", seconds(s.next-due))
	}
	if !e.active || len(e.out) == 0 {
		return
	}
	// What we were late to send cannot be lost.
	due := max(e.from, e.out[0].at) + dt + l.thread.late - e.late
	switch end := max(due, l.settled(s.thread, e.back, dt)) + l.grace(); {
	case s.now >= end:
		l.fail("(i) is %v %.6f s after Echo last came back, the Detection Time being %.6f s", st.State, seconds(s.now-e.back), seconds(dt))
	case s.next > end+timerwheel.Tick:
		l.fail("(i) asks to be called %.6f s after the Detection Time of Echo", seconds(s.next-end))
	}
}
