package daemon

import (
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// record is an event as it is kept: without anything that would have to be
// allocated for it.
type record struct {
	at   int64  // ns since 1970
	kind string // control.Event.Type

	discr       uint32 // 0: about no session
	peer, local packet.Addr
	ifname, vrf string
	profile     string // of the session; not told

	cause, by, detail string
	from, to          packet.State
	diag              packet.Diag
	moved             bool // from and to mean something
	heard             bool // lastRx means something
	failed            bool // evidence means something
	merged            uint32
	lastRx            int64 // ns, as are the others
	worker            int   // of a stall
	count             uint64
	evidence          evidence
}

// evidence of a session that failed; of a near miss, and of a stall, it is a part
// of that. Times are ns.
type evidence struct {
	silent, detection, stalled, within int64

	at         session.Time
	lost       uint64
	nearMisses uint32
	diag       packet.Diag // ours
	remote     packet.Diag // the peer's
	admin      bool
}

func evidenceOf(f *engine.Failure) evidence {
	return evidence{
		at: f.At, silent: int64(f.At - f.LastRx), detection: f.DetectionTime, stalled: f.Stalled,
		lost: f.Lost, within: f.LostWithin, nearMisses: f.NearMisses,
		diag: f.Diag, remote: f.Remote, admin: f.Admin,
	}
}

// suspect says what to look at first. A stall alone takes no session down, because
// what has arrived meanwhile is looked at before silence is believed, unless it
// was so long that it may have been the whole host's; a peer that gave us up did
// not hear us while it lasted.
func (e *evidence) suspect() string {
	ours := e.diag == packet.DiagControlExpiry || e.diag == packet.DiagEchoFailed
	theirs := e.remote == packet.DiagControlExpiry || e.remote == packet.DiagEchoFailed
	switch {
	case ours && e.lost > 0:
		return "ring-overflow"
	case (ours || theirs && !e.admin) && e.stalled*4 >= e.detection && e.stalled > 0:
		return "stall"
	}
	return "peer"
}

// session returns which session r is about, nil if none.
func (r *record) session() *control.EventSession {
	if r.discr == 0 {
		return nil
	}
	return &control.EventSession{
		Peer: r.peer.Netip(), Local: r.local.Netip(), Interface: r.ifname, VRF: r.vrf, Discr: r.discr,
	}
}

// event returns r as the API has it; s is its session.
func (r *record) event(seq uint64, s *control.EventSession) control.Event {
	ev := control.Event{
		Seq: seq, Time: time.Unix(0, r.at).UTC(), Type: r.kind, Session: s, Merged: r.merged,
		Cause: &control.Cause{Kind: r.cause, By: r.by, Detail: r.detail},
	}
	if r.moved {
		ev.From, ev.To, ev.Diagnostic = r.from.String(), r.to.String(), r.diag.String()
	}
	if r.heard {
		age := uint64(r.lastRx / session.Microsecond)
		ev.LastRx = &age
	}
	switch {
	case r.failed:
		r.evidence.describe(ev.Cause)
	case r.kind == eventNearMiss && r.discr != 0:
		left := (r.evidence.detection - r.evidence.silent) / session.Microsecond
		ev.Cause.DetectionTime, ev.Cause.Gap, ev.Cause.Left = us(r.evidence.detection), us(r.evidence.silent), &left
	case r.kind == eventStall && r.evidence.stalled > 0:
		stalled := us(r.evidence.stalled)
		ev.Cause.Stalled, ev.Cause.Worker = &stalled, &r.worker
	}
	ev.Cause.Count = r.count
	return ev
}

// us returns a time in ns in microseconds.
func us(ns int64) uint64 { return uint64(max(ns, 0) / session.Microsecond) }

// describe puts the evidence into a cause.
func (e *evidence) describe(c *control.Cause) {
	stalled := us(e.stalled)
	c.DetectionTime, c.Stalled = us(e.detection), &stalled
	c.Evidence = &control.Evidence{
		Suspect: e.suspect(), PeerSilent: us(e.silent),
		RingOverflow: e.lost, RingOverflowWithin: us(e.within), NearMisses: e.nearMisses,
	}
	if e.diag == packet.DiagNeighborDown {
		c.RemoteDiagnostic = e.remote.String()
	}
}
