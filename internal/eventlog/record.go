package eventlog

import (
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// Record is an event as it is kept: without anything that would have to be
// allocated for it.
type Record struct {
	At   int64  // ns since 1970
	Kind string // Up, Down and so on

	Discr       uint32 // 0: about no session
	Peer, Local packet.Addr
	Interface   string
	VRF         string
	Profile     string // of the session; not told

	Cause, By, Detail string
	From, To          packet.State
	Diag              packet.Diag
	Moved             bool // From and To mean something
	Heard             bool // LastRx means something
	Failed            bool // Evidence means something
	Merged            uint32
	LastRx            int64 // age in ns of the peer's last packet
	Worker            int   // of a stall
	Count             uint64
	Evidence          Evidence
}

// Evidence of a session that failed; of a near miss, and of a stall, it is a part
// of that. Times are ns. See engine.Failure.
type Evidence struct {
	At         session.Time
	Silent     int64 // since the peer's last packet
	Detection  int64 // the Detection Time
	Stalled    int64 // how late the worker was
	Lost       uint64
	Within     int64 // the time in which Lost frames found no room
	NearMisses uint32
	Diag       packet.Diag // ours
	Remote     packet.Diag // the peer's
	Admin      bool
}

// EvidenceOf is what the engine knows of a failure.
func EvidenceOf(f *engine.Failure) Evidence {
	return Evidence{
		At: f.At, Silent: int64(f.At - f.LastRx), Detection: f.DetectionTime, Stalled: f.Stalled,
		Lost: f.Lost, Within: f.LostWithin, NearMisses: f.NearMisses,
		Diag: f.Diag, Remote: f.Remote, Admin: f.Admin,
	}
}

// suspect says what to look at first. A stall alone takes no session down, because
// what has arrived meanwhile is looked at before silence is believed, unless it
// was so long that it may have been the whole host's; a peer that gave us up did
// not hear us while it lasted.
func (e *Evidence) suspect() string {
	ours := e.Diag == packet.DiagControlExpiry || e.Diag == packet.DiagEchoFailed
	theirs := e.Remote == packet.DiagControlExpiry || e.Remote == packet.DiagEchoFailed
	switch {
	case ours && e.Lost > 0:
		return "ring-overflow"
	case (ours || theirs && !e.Admin) && e.Stalled*4 >= e.Detection && e.Stalled > 0:
		return "stall"
	}
	return "peer"
}

// Session returns which session r is about, nil if none.
func (r *Record) Session() *control.EventSession {
	if r.Discr == 0 {
		return nil
	}
	return &control.EventSession{
		Peer: r.Peer.Netip(), Local: r.Local.Netip(), Interface: r.Interface, VRF: r.VRF, Discr: r.Discr,
	}
}

// Event returns r as the API has it; s is its session.
func (r *Record) Event(seq uint64, s *control.EventSession) control.Event {
	ev := control.Event{
		Seq: seq, Time: time.Unix(0, r.At).UTC(), Type: r.Kind, Session: s, Merged: r.Merged,
		Cause: &control.Cause{Kind: r.Cause, By: r.By, Detail: r.Detail},
	}
	if r.Moved {
		ev.From, ev.To, ev.Diagnostic = r.From.String(), r.To.String(), r.Diag.String()
	}
	if r.Heard {
		age := uint64(r.LastRx / session.Microsecond)
		ev.LastRx = &age
	}
	switch {
	case r.Failed:
		r.Evidence.Describe(ev.Cause)
	case r.Kind == NearMiss && r.Discr != 0:
		left := (r.Evidence.Detection - r.Evidence.Silent) / session.Microsecond
		ev.Cause.DetectionTime, ev.Cause.Gap, ev.Cause.Left = us(r.Evidence.Detection), us(r.Evidence.Silent), &left
	case r.Kind == Stall && r.Evidence.Stalled > 0:
		stalled := us(r.Evidence.Stalled)
		ev.Cause.Stalled, ev.Cause.Worker = &stalled, &r.Worker
	}
	ev.Cause.Count = r.Count
	return ev
}

// us returns a time in ns in microseconds.
func us(ns int64) uint64 { return uint64(max(ns, 0) / session.Microsecond) }

// Describe puts the evidence into a cause.
func (e *Evidence) Describe(c *control.Cause) {
	stalled := us(e.Stalled)
	c.DetectionTime, c.Stalled = us(e.Detection), &stalled
	c.Evidence = &control.Evidence{
		Suspect: e.suspect(), PeerSilent: us(e.Silent),
		RingOverflow: e.Lost, RingOverflowWithin: us(e.Within), NearMisses: e.NearMisses,
	}
	if e.Diag == packet.DiagNeighborDown {
		c.RemoteDiagnostic = e.Remote.String()
	}
}
