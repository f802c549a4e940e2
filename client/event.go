package client

import (
	"net/netip"
	"time"
)

// EventTypes are the values of Event.Type, but for EventLost.
var EventTypes = []string{
	"session-up", "session-down", "admin-down", "created", "deleted", "changed", "near-miss", "stall",
}

// EventLost is the type of a line that stands for events that the reader was too
// slow for, or came too late to read.
const EventLost = "lost"

// Event is one line of GET /v1/events.
type Event struct {
	// Seq names the event. It rises by one from event to event, and by more from
	// one daemon to the next.
	Seq     uint64        `json:"seq"`
	Time    time.Time     `json:"time"` // UTC
	Type    string        `json:"type"`
	Session *EventSession `json:"session"` // null where it is about none

	From       string  `json:"from,omitempty"` // states, of a change of state
	To         string  `json:"to,omitempty"`
	Diagnostic string  `json:"diagnostic,omitempty"` // ours, after it
	Merged     uint32  `json:"merged,omitempty"`     // changes of state before this one that are told of by no line of their own
	Cause      *Cause  `json:"cause,omitempty"`
	LastRx     *uint64 `json:"last-rx-us,omitempty"` // how long ago the peer's last packet had arrived

	Lost      *uint64 `json:"lost,omitempty"`      // of EventLost: how many events
	Restarted bool    `json:"restarted,omitempty"` // of EventLost: the reader's last event was another daemon's
}

// EventSession says which session an Event is about.
type EventSession struct {
	Peer      netip.Addr `json:"peer"`
	Local     netip.Addr `json:"local"`
	Interface string     `json:"interface"`
	VRF       string     `json:"vrf"`
	Discr     uint32     `json:"local-discriminator"`
}

// Cause says why something happened.
type Cause struct {
	Kind   string `json:"kind"`             // a word
	By     string `json:"by,omitempty"`     // the owner or client that it is about
	Detail string `json:"detail,omitempty"` // for people

	*Evidence
	DetectionTime uint64  `json:"detection-time-us,omitempty"` // that was in force
	Stalled       *uint64 `json:"stalled-us,omitempty"`        // how late our worker was; 0: it was not
	Gap           uint64  `json:"gap-us,omitempty"`            // near-miss: between its packet and the one before
	Left          *int64  `json:"left-us,omitempty"`           // near-miss: of the detection time; below 0 if that was seen in time all the same
	Worker        *int    `json:"worker,omitempty"`            // stall
	Count         uint64  `json:"count,omitempty"`             // how often so far, to the session or the worker; without either, how many more there were
}

// Evidence is what is known of a session that was Up and is Down, at that instant.
type Evidence struct {
	Suspect            string `json:"suspect"`                     // what to look at first: peer, stall or ring-overflow
	PeerSilent         uint64 `json:"peer-silent-us"`              // since the last accepted packet; of Echo: since one came back
	RingOverflow       uint64 `json:"ring-overflow"`               // frames that our rings and sockets had no room for
	RingOverflowWithin uint64 `json:"ring-overflow-within-us"`     // in so long before it
	RemoteDiagnostic   string `json:"remote-diagnostic,omitempty"` // why the peer says that it went down, where that took us down
	NearMisses         uint32 `json:"near-misses"`                 // that the session has had
}
