// Package daemon is xbfd as a service: a configuration kept true by a Speaker, a
// control socket, a log of state changes, and the signals a service obeys.
//
// Whoever wants a session is an owner of it, and the Book of engine/clients makes
// one session of what they want. What becomes of it goes the other way.
//
//	file, API, routes, gobgpd, bfdd ──want──▶ register ──▶ Book ──▶ Speaker
//	Speaker ──events──▶ note ──▶ Book ──▶ routes, gobgpd, bfdd
//	                     └──▶ log, captures, event log ──▶ hooks, readers of the API
//
// One goroutine at a time changes sessions, under Daemon.mu; the packet path
// knows nothing of this package.
package daemon
