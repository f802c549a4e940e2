// Package clients is the client side of BFD as RFC 5882 describes it: several
// owners (the configuration file, the API, a routing daemon, a monitored route)
// share the one session of a path, each with its own wishes, and each is told
// what a change of state means to it.
//
//	Register, Unregister ──▶ ┌──────┐ ──▶ Change: create, configure or remove
//	                         │ Book │      the session, with the merged Spec
//	Observe, Expire ───────▶ └──────┘ ──▶ Notices: up, failure, admin, progress
//
// A Book decides and does nothing: it reads no clock, does no I/O, keeps no log
// and starts no goroutine. Whoever holds it does to the engine what a Change
// asks for, feeds it the state changes of the session, and delivers Notices. It
// is owned by one goroutine, or by whoever holds the lock that guards it.
//
// The strictest wish wins, setting by setting (see Wish). When a client leaves,
// what is left is merged again, and the engine moves to slower timers by a Poll
// Sequence: nothing flaps.
package clients
