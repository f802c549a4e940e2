// Package session is one BFD session as RFC 5880 describes it, and nothing
// else: a plain value without pointers, driven by calls that carry the time.
// It reads no clock, does no I/O, keeps no log and allocates nothing.
//
// A caller feeds it what happens (Receive, Expire, Configure, Admin) and does
// what the returned Outcome says: send a packet, send a Final, tell the clients.
// After every call Deadline says when Expire wants to be called next. The value
// is owned by whoever calls it; no method may run concurrently with another.
//
// Demultiplexing, validation of the packet before it reaches the session
// (RFC 5880 §6.8.6 up to authentication), encapsulation and sending are the
// caller's.
package session
