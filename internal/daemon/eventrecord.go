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

	cause, by, detail string
	from, to          packet.State
	diag              packet.Diag
	moved             bool // from and to mean something
	heard             bool // lastRx means something
	failed            bool // evidence means something
	merged            uint32
	lastRx            int64 // ns, as are the others
	evidence          evidence
}

// evidence of a session that failed, in ns.
type evidence struct {
	silent, detection, stalled int64
}

func evidenceOf(f *engine.Failure) evidence {
	return evidence{silent: int64(f.At - f.LastRx), detection: f.DetectionTime, stalled: f.Stalled}
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
	if r.failed {
		ev.Cause.Evidence = r.evidence.inAPIWords()
	}
	return ev
}

func (e *evidence) inAPIWords() *control.Evidence {
	us := func(ns int64) uint64 { return uint64(max(ns, 0) / session.Microsecond) }
	return &control.Evidence{
		PeerSilent: us(e.silent), DetectionTime: us(e.detection), Stalled: us(e.stalled),
	}
}
