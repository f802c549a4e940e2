// Package routes keeps routes and addresses in the kernel while the sessions that
// they depend on are Up, so that a host fails over without a routing daemon.
//
//	Set (what is asked for) ──────▶ ┌───────┐ ──▶ Plan: what to do to the kernel
//	Observe (states of sessions) ─▶ │ Table │ ◀── Done: what became of it
//	Found (what the kernel has) ──▶ └───────┘ ──▶ Take: what has changed
//	Expire (time) ────────────────▶
//
// A Table decides and does nothing: no clock, no I/O, no goroutine. A Manager joins
// one to a Kernel, which is netlink or, in tests, a map.
//
// Routes are told from others' by their protocol, Protocol, and addresses by the
// attribute of the same kind. Nothing else in the kernel is changed or removed: a
// route is added only where none stands, replaced only where the kernel last said
// that ours does, and removed by its protocol.
package routes
