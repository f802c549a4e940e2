// Package daemon is xbfd as a service: a configuration kept true by a Speaker, a
// control socket, a log of state changes, and the signals a service obeys.
//
// One goroutine at a time changes sessions, under Daemon.mu; the packet path
// knows nothing of this package.
package daemon
