// Package speaker joins the engine to a host: it opens AF_XDP rings and UDP
// sockets on the interfaces that sessions need, follows links, addresses,
// routes and neighbours, and keeps each session's path and the XDP program's
// tables up to date with them. One Speaker speaks BFD for one network namespace.
//
// One goroutine, the path loop, opens and closes interfaces, tells the engine and
// the tables of paths, and changes transports; whoever else wants something of it
// sends it a function. Another one takes the workers' events.
//
//	netlinkmon ──updates──▶ path loop ──────────▶ wire.Interface, XDP tables, engine
//	callers ───functions───────┘ ▲
//	workers ─────bell─────▶ events ──▶ OnEvents, OnNotes
//
// It knows nothing of configuration files, sockets of its own or logs of state
// changes: the daemon and the demo each build on it.
package speaker
