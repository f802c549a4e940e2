// Package wirebed runs the conformance rows that show on the wire over real
// frames: a device D, which is a whole speaker on an AF_XDP socket, and a
// scripted tester T with raw packet sockets in a namespace of its own at the
// other end of a veth pair.
//
//	   namespace d                              namespace t
//	speaker ─ AF_XDP ─ d0 ═════════════════ t0 ─ packet sockets ─ T
//	                                            └─ the kernel's time stamps
//
// Every instant that a test judges is one of T's kernel, for frames in both
// directions; no clock of the engine is asked. It holds tests only, and they
// read like the black-box tests of internal/sim, which prove the same rows in
// virtual time, over more trials and longer spans.
//
// D's XDP program hears steady packets by itself, as a speaker's does unless told
// otherwise. XBFD_TEST_FAST_PATH=off in the environment has every packet of a run
// go through the ring instead; what the tests expect is the same.
package wirebed
