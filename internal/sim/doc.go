// Package sim runs real engines in virtual time: real frames, real workers and
// sessions, but a clock that jumps from event to event, links that lose, delay,
// repeat, reorder and damage what they carry, and hosts that stall. One seed
// makes one run: the same seed gives the same trace, bit for bit.
//
//	             World: the clock, the events in order, the dice, the trace
//	┌──────────────────────────────────────────────────────────────────────┐
//	│  Host a                                                      Host b  │
//	│  ┌──────────┐   ┌─────┐  frames   ┌──────┐  frames  ┌─────┐          │
//	│  │ Worker 0 │◀─▶│ NIC │──────────▶│ Wire │─────────▶│ NIC │◀─▶ …     │
//	│  │ Worker 1 │   │ XDP │◀──────────│ Wire │◀─────────│ XDP │          │
//	│  └──────────┘   └─────┘           └──────┘          └─────┘          │
//	│       │ every Step: what it took, what it sent, how it stands        │
//	│       ▼                                                              │
//	│     Watch: one ledger per session, kept from the frames alone, and   │
//	│            the rules that no run may break                           │
//	└──────────────────────────────────────────────────────────────────────┘
//
// Run plays one seed: a random network, random sessions of all kinds, with or
// without authentication, Echo and Demand mode, and random incidents, an attacker
// and an hour of standing still among them; then quiet seconds after which
// everything must be Up and agree. Some hosts have an XDP program that hears
// steady packets by itself, and some of those programs answer while the host
// stands still, which is tried once more at the end.
//
// Everything here belongs to one goroutine. Only tests and measurements import
// this package.
package sim
