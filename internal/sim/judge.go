package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// judge compares the ledger with the session as it stands after Step s.
func (l *ledger) judge(s *step, st *engine.Status) {
	if n := moves(st) - moves(&l.status); n > 0 {
		l.doubt = ""
		l.timerChanges(int(n))
		l.rx.add(l.params.RequiredMinRx)
		l.host.world.note(l.host.name, "%08x %v > %v/%d", l.discr, st.Change.From, st.Change.To, uint8(st.Diag))
	}
	if l.tx.add(l.wantTx()); st.State != packet.Up {
		l.tx.add(l.slowTx())
	}
	l.checkObeys(st)
	l.checkSlowed(st)
	if (l.status.Demand.Local || l.demand.said) && !st.Demand.Local {
		l.at = max(l.at, s.now) // a peer that we kept silent gets a Detection Time
	}
	if less := session.Time(l.status.DetectionTime - st.DetectionTime); less > 0 && l.params.Kind == session.Unaffiliated {
		l.spared = max(l.spared, min(max(l.spared, l.at)+less, s.now)) // one that becomes shorter has not passed for that
	}
	if l.retimed > 1 && l.params.Kind == session.Unaffiliated {
		l.spared = s.now // it may have been shorter in between
	}
	l.checkMargin(st)
	l.checkDetection(s, st)
	l.checkEcho(s, st)
	l.checkDemand(s, st)
	if l.doubt != "" {
		l.fail("%s", l.doubt)
		l.doubt = ""
	}
	l.checkPace(s, st)
	l.stir(st)
	l.checkRemote(st)
	l.checkCounts(st)
	l.learn(st)
	l.events.failures(s.now, st.Counters.Failures-l.status.Counters.Failures)
	l.auth.were, l.retimed, l.heardNow = l.auth.were[:0], 0, false
	l.seen, l.status, l.macs[1], l.newPath = true, *st, l.macs[0], false
}

// checkObeys: a session that is held Down stays there, and one whose forwarding
// plane was reset goes Down (RFC 5880 §6.8.15, §6.8.18).
func (l *ledger) checkObeys(st *engine.Status) {
	if l.params.HoldDown && (st.State == packet.Init || st.State == packet.Up) {
		l.fail("(l) is %v, though held Down", st.State)
	}
	if l.reset && l.steady && st.State == packet.Up {
		l.fail("(l) stays Up over a forwarding reset")
	}
	l.reset = false
}

// checkRemote is rule (h) from the other side: what was discarded has left no
// trace, and what was accepted has.
func (l *ledger) checkRemote(st *engine.Status) {
	r, p := st.Remote, &l.peer
	if !l.known || l.params.Kind == session.Unaffiliated {
		return
	}
	want := session.Remote{
		State: p.State, Diag: p.Diag, Demand: p.Demand, CPI: p.CPI, DetectMult: p.DetectMult, Discr: p.MyDiscr,
		DesiredMinTx: p.DesiredMinTx, RequiredMinRx: p.RequiredMinRx, MinEchoRx: p.RequiredMinEchoRx,
	}
	if r != want {
		l.fail("(h) takes its peer for %+v, which says %+v", r, want)
	}
}

// checkSlowed: congestion slows a session by Poll, up to the ceiling that its
// operator gave it and not without one (RFC 5880 §7).
func (l *ledger) checkSlowed(st *engine.Status) {
	if st.AdvertisedMinTx != l.status.AdvertisedMinTx || st.AdvertisedMinRx != l.status.AdvertisedMinRx {
		if l.params.Ceiling != 0 {
			l.timerChanges(max(1, int(st.Slowed)-int(l.status.Slowed))) // several in one Step after a stall
		}
		l.tx.add(l.wantTx())
		l.rx.add(l.wantRx())
	}
	if st.State != packet.Up || l.params.Kind == session.Unaffiliated {
		return
	}
	most := func(us uint32) uint32 { return max(us, l.params.Ceiling) }
	rx := most(l.params.RequiredMinRx)
	if st.Echo.State == engine.EchoActive {
		rx = max(rx, session.SlowInterval)
	}
	if st.AdvertisedMinTx > most(l.params.DesiredMinTx) || st.AdvertisedMinRx > rx ||
		st.AdvertisedMinTx < l.params.DesiredMinTx || st.AdvertisedMinRx < l.params.RequiredMinRx {
		l.fail("(c) advertises %d/%d µs, its ceiling being %d", st.AdvertisedMinTx, st.AdvertisedMinRx, l.params.Ceiling)
	}
}

// moves counts changes of state, those to Init apart.
func moves(st *engine.Status) uint64 {
	return st.Counters.Up + st.Counters.Down + st.Counters.AdminDown
}
