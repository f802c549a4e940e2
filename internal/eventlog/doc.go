// Package eventlog keeps the latest events of a daemon in a ring of fixed size, for
// whoever wants to read them, as they happen or later.
//
//	Add ──▶ Log ──▶ Reader (the API), Follow (hooks), Last (a session's history)
//
// Adding an event never waits and allocates nothing. Each reader goes at its own pace;
// one that falls behind is told how many it has missed. A Record becomes an Event of the
// API when somebody reads it.
package eventlog

// The kinds of events, in the words of the API.
const (
	Up        = "session-up"
	Down      = "session-down"
	AdminDown = "admin-down"
	Created   = "created"
	Deleted   = "deleted"
	Changed   = "changed"
	NearMiss  = "near-miss"
	Stall     = "stall"
)
