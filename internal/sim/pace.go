package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
	"github.com/xbfd/xbfd/timerwheel"
)

// pace is the early side of rule (c): a packet that says nothing new must not
// come before 75 % of the interval. One that says something new may.
func (l *ledger) pace(s *step, c *packet.Control) {
	several := len(l.auth.were) > 0 || l.retimed > 1 && l.params.Kind == session.Unaffiliated // that a packet does not show
	if !l.spoken || l.stirred || several || content(c) != content(&l.last) {
		return
	}
	l.checkAsked(c)
	minRx := l.peer.RequiredMinRx
	if c.YourDiscr == 0 {
		minRx = 1
	}
	gap := s.now - l.lastAt
	t := session.Time(max(l.tx.lo, minRx)) * Microsecond
	switch {
	case minRx == 0:
		l.doubt = "(c) periodic packet to a peer whose Required Min RX is 0 (RFC 5880 §6.8.7)"
	case 4*gap < 3*t && l.removing && !l.parted:
		// The news of the removal may have left besides the schedule, which the
		// periodic packets keep (RFC 5880 §6.8.7).
		l.parted = true
	case 4*gap < 3*t:
		l.doubt = fmt.Sprintf("(c) periodic packet after %.6f s, interval %.6f s", seconds(gap), seconds(t))
	}
}

// content is a packet without P and F, which are no news, and without what its
// length is made of.
func content(c *packet.Control) packet.Control {
	bare := *c
	bare.Poll, bare.Final, bare.Auth, bare.Length = false, false, false, 0
	return bare
}

// stir notes that what the session would say has become different from what it
// last said: one packet may tell of that, even if it turns out the same again.
func (l *ledger) stir(st *engine.Status) {
	says := packet.Control{
		State: st.State, Diag: st.Diag, DetectMult: st.Params.DetectMult, CPI: st.Params.CPI, Demand: st.Demand.Local,
		MyDiscr: st.Discr, YourDiscr: st.Remote.Discr,
		DesiredMinTx: st.AdvertisedMinTx, RequiredMinRx: st.AdvertisedMinRx, RequiredMinEchoRx: st.Echo.Offered,
	}
	if l.params.Kind == session.Unaffiliated {
		says.DesiredMinTx, says.RequiredMinRx = session.SlowInterval, session.SlowInterval
	}
	l.stirred = l.stirred || says != content(&l.last)
}

// checkPace is the late side of rule (c): after every Step no packet may be
// overdue, and the next Step must have been asked for in time. So only the
// lateness that the host was made to suffer can delay a packet.
func (l *ledger) checkPace(s *step, st *engine.Status) {
	if l.newPath || st.Counters.TxFailed != l.status.Counters.TxFailed {
		l.since = s.now
	}
	minRx := l.peer.RequiredMinRx
	silent := l.params.Passive && st.Remote.Discr == 0 || minRx == 0 || !l.bound && !l.removing ||
		l.asked(st) && !st.Polling || l.params.Kind == session.Unaffiliated && l.adminDown()
	if silent {
		l.since = s.now
	}
	if silent || s.next <= s.now || !st.HasPath {
		return
	}
	tx := l.tx.hi
	if st.State != packet.Up {
		tx = max(tx, l.slowTx())
	}
	t := session.Time(max(tx, minRx)) * Microsecond
	if l.params.DetectMult == 1 {
		t -= t / 10
	}
	slack := session.Time(timerwheel.Tick)
	if len(l.host.threads) > 1 {
		slack += handoffRetry
	}
	switch end := l.since + t; {
	case s.now >= end+slack:
		l.fail("(c) has sent nothing for %.6f s, interval %.6f s", seconds(s.now-l.since), seconds(t))
	case s.next > end+slack:
		l.fail("(c) asks to be called %.6f s after its next packet is due", seconds(s.next-end))
	}
}
