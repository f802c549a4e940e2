// Package flight is a flight recorder: what the Control packets of each session
// last said, kept in a few bytes for a session and one pool for all of them.
//
// Only a frame that says something else than the one before it, of the same
// session and direction, takes a place; a repeat is counted and its time noted.
// Frames that were discarded are compared with discarded ones alone, so that a
// stream of forged frames between good ones is one frame and many repeats. What
// counts as saying something else is the mandatory section of the packet, its
// authentication type and key id, addresses, source port, TTL and the reason of
// the discard: not what moves with every packet, as sequence numbers and digests
// do.
//
// The pool has a fixed size. A session that has all the frames it may have loses
// its oldest one for a new one; discarded frames have half of its places at most. When the pool is used up, another session loses
// its oldest one: the more frames it has, the sooner.
//
// A Tap is the other half: every frame of one session as it passes, handed to
// another goroutine through a ring that loses frames rather than wait.
//
// Recorder and the writing side of a Tap belong to one worker; neither allocates
// after it was made.
package flight
