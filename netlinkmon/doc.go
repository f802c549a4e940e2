// Package netlinkmon follows the links, addresses, neighbours and routes of one
// network namespace and says, for every BFD session, over which path its
// packets go: interface, addresses, Ethernet addresses, or the reason why they
// cannot go at all. RFC 5881 §6 rules what a path may be: the one hop that the
// session protects and no other.
//
// It sends no BFD packet and decides nothing about a session. It leaves links,
// addresses, routes and permanent neighbours alone; the one thing it changes
// in the kernel is to ask that the neighbour entries of watched sessions be
// resolved and kept, which it takes back on Unwatch and Close. A frame sent
// through AF_XDP refreshes no neighbour entry, so somebody has to. Each such
// entry counts against the kernel's limit, gc_thresh3, which is 1,024 for all
// namespaces together until the operator raises it; permanent entries do not.
//
//	kernel ── events ──▶ feed ──▶ loop ──▶ state, resolve ──▶ Updates
//	       ◀─ dumps, neighbour requests ──┘ ▲
//	                                        └── Watch, Unwatch, Close
//
// One goroutine (loop) owns all state. Watch, Unwatch and Close may be called
// from any goroutine, also from the one that reads Updates. When the kernel had
// to drop events, everything is read afresh.
package netlinkmon
