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
	Change      Change       // the latest
	LastRx      session.Time // arrival of the last accepted packet before it; no meaning while Heard is not set
	Heard       bool

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
	Stalled       int64        // ns this worker was late in that time, 0 if it was not
	Lost          uint64       // frames that all workers had no room for in the LostWithin ns before
	LostWithin    int64        // as long as that, or somewhat longer
	Remote        packet.Diag  // the peer's diagnostic
	NearMisses    uint32       // that the session has had
}

// outbox carries events to the control plane. The worker merges into its own
// list and hands that over whole, when the reader has taken the previous one
// and does not hold the lock at this moment: it never waits.
type outbox struct {
	notify chan struct{}

	mu    sync.Mutex
	full  []Event
	noted []Note
	left  uint64 // Notes that found no room

	pending []Event  // the worker's own, as is all that follows
	index   []uint32 // per slot: 1 + position in pending
	notes   []Note
	unsaid  uint64
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
	if len(o.pending)+len(o.notes) == 0 {
		return true
	}
	if !o.mu.TryLock() {
		return false
	}
	events, notes := len(o.full) == 0 && len(o.pending) > 0, len(o.noted) == 0 && len(o.notes) > 0
	if events {
		o.full = append(o.full, o.pending...)
	}
	if notes {
		if o.noted == nil {
			o.noted = make([]Note, 0, maxNotes)
		}
		o.noted = append(o.noted, o.notes...)
		o.left += o.unsaid
	}
	o.mu.Unlock()
	if events {
		for i := range o.pending {
			o.index[o.pending[i].slot] = 0
		}
		o.pending = o.pending[:0]
	}
	if notes {
		o.notes, o.unsaid = o.notes[:0], 0
	}
	if events || notes {
		select {
		case o.notify <- struct{}{}:
		default:
		}
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

// Notify returns a channel that gets a value when there are events to take.
func (e *Engine) Notify() <-chan struct{} { return e.notify }

// TakeEvents appends what happened since it was last called to buf. One
// goroutine should call it, and keep calling it: slots of removed sessions are
// freed here.
func (e *Engine) TakeEvents(buf []Event) []Event {
	first := len(buf)
	for i, w := range e.workers {
		n := len(buf)
		if buf = w.out.take(buf); len(buf) > n {
			e.wake(i) // there may be more that waited for this
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := first; i < len(buf); i++ {
		if buf[i].authTold {
			e.authSettled(&buf[i])
		}
		if buf[i].Gone {
			e.forget(buf[i].Discr)
		}
	}
	return buf
}
