// Package hooks does what the configuration wants done when something happens to a
// session: it runs commands and posts to web addresses. Whoever tells it of an event
// never waits. What is due is queued for each hook (queue.go), in bounded memory, in
// order for each peer, at a bounded rate (rate.go), and the Up of a session that flaps
// is held back (dampen.go). These three know no clock, only the time they are told.
package hooks
