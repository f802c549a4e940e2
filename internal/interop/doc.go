// Package interop tests xbfd as its users meet it: the built program, in a
// network namespace, against FRR's bfdd and BIRD as their packages install
// them, against a second xbfd, and against a scripted peer that can misbehave.
//
//	+- namespace a ---------+            +- namespace b -------------+
//	| xbfd run -c FILE   "a"+---- veth --+"b"   bfdd, bird or xbfd,  |
//	|                       |            |      tap and scripted peer|
//	+-----------------------+            +---------------------------+
//
// In place of b there may be a plain Linux host that only forwards, and a router
// between the two.
//
// What happened on the link is read off a packet socket at the far end, with
// the kernel's time stamps; what xbfd makes of it, off its control socket and
// its log. It holds nothing but tests.
package interop
