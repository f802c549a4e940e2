package engine

import (
	"sync"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Event tells what became of a session since the last event of the same
// session. While nobody takes events, later changes are merged into the one
// that waits, so memory is bounded by the number of sessions; but a failure is
// never merged away: whoever finds Transitions above 1 and Failed set reports
// the failure first and then the present state.
type Event struct {
	Discr       uint32
	slot        uint32
	Gone        bool   // the session was removed and its slot is free
	Transitions uint32 // changes of state merged into this event
	From        packet.State
	Change      Change // the latest

	RemoteCPI   bool // the C bit that the peer sent last
	RemoteAdmin bool // the peer began or ended AdminDown while our own state stayed

	AuthSwitched  bool // a delayed change of authentication has happened
	SourceChanged bool // the peer's packets come from another address than before

	authTold          bool
	authGen           uint32
	authUse, authNext session.Auth

	Failed  bool // at least one of them was a failure, the latest of which is:
	Failure Failure
}

// Failure is a transition from Up to Down, with the evidence.
type Failure struct {
	At            session.Time
	Diag          packet.Diag
	Admin         bool         // the peer said AdminDown: no failure to clients (RFC 5882 §3.2)
	LastRx        session.Time // arrival of the last accepted packet
	DetectionTime int64        // ns, as it was in force
	Stalled       int64        // ns this worker was late since LastRx, 0 if it was not
}

// outbox carries events to the control plane. The worker merges into its own
// list and hands that over whole, when the reader has taken the previous one
// and does not hold the lock at this moment: it never waits.
type outbox struct {
	notify chan struct{}

	mu   sync.Mutex
	full []Event

	pending []Event  // the worker's own
	index   []uint32 // per slot: 1 + position in pending
}

// entry returns the waiting event of a slot, or starts one.
func (o *outbox) entry(i, discr uint32, from packet.State) *Event {
	if o.index[i] == 0 {
		o.pending = append(o.pending, Event{Discr: discr, slot: i, From: from})
		o.index[i] = uint32(len(o.pending))
	}
	return &o.pending[o.index[i]-1]
}

// publish tries to hand the pending events over. false means that the reader
// held the lock just now: try again soon. Events that stay because the reader
// has not taken the previous ones go with the Step that its taking wakes.
func (o *outbox) publish() bool {
	if len(o.pending) == 0 {
		return true
	}
	if !o.mu.TryLock() {
		return false
	}
	if len(o.full) != 0 {
		o.mu.Unlock()
		return true
	}
	o.full = append(o.full, o.pending...)
	o.mu.Unlock()
	for i := range o.pending {
		o.index[o.pending[i].slot] = 0
	}
	o.pending = o.pending[:0]
	select {
	case o.notify <- struct{}{}:
	default:
	}
	return true
}

// take appends what was handed over to buf.
func (o *outbox) take(buf []Event) []Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	buf = append(buf, o.full...)
	o.full = o.full[:0]
	return buf
}
