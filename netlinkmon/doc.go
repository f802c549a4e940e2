// Package netlinkmon follows the links, addresses, neighbours and routes of one
// network namespace and says, for every BFD session, over which path its
// packets go: interface, addresses, Ethernet addresses, or the reason why they
// cannot go at all.
//
// RFC 5881 §6 rules what the path of a single-hop session may be: the one hop
// that the session protects and no other, whatever routes say. The path of a
// multihop session (RFC 5883) is the kernel's: it is asked which way it would
// send, and asked again when something has changed that may give another
// answer, for a storm of changes once. Along with a single-hop path goes the
// source address for echo packets (RFC 5881 §4), or why there is none. Where the
// interface is a VLAN device or a bond, the path says by which interfaces below it
// the frames travel: they are what AF_XDP sockets are for. All of it is looked for
// within the session's VRF.
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
//	       ◀─ dumps, neighbour requests, ─┘ ▲
//	          route look-ups                └── Watch, Unwatch, SetEchoSource, Close
//
// One goroutine (loop) owns all state. The methods of a Monitor may be called
// from any goroutine, also from the one that reads Updates. When the kernel had
// to drop events, everything is read afresh.
//
// A route look-up gives addresses, the protocol and the destination port. Where
// the kernel balances load by source port, or rules look at a packet's mark or
// class, it may send by another of its ways than the one told here; both lead
// to the peer.
package netlinkmon
