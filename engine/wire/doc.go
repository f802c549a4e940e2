// Package wire joins the engine to the kernel: engine.Ports made of AF_XDP
// rings and sockets, and the loops that drive workers, pinned to their cores.
//
//	             one Interface                          one Loop per worker
//	+---------------------------------------+      +-------------------------+
//	| XDP program -> AF_XDP queue 0 -+      |      | Step                    |
//	|             -> AF_XDP queue 1 -+      |      |  Receive, Alloc, Commit,|
//	| UDP sockets, IPv4 and IPv6 ----+- Port +----->|  Flush                  |
//	| raw sockets, IPv4 and IPv6 ----+      |      | wait: sleep or ppoll    |
//	+---------------------------------------+      +-------------------------+
//
// Queue q of an interface belongs to worker q modulo the number of workers, the
// UDP sockets to worker ifindex modulo that number; each worker gets one Port
// that bundles what is its own. AF_XDP carries what the XDP program steers; the
// UDP sockets get what it passes, and everything where XDP cannot be had. A
// frame that has no Ethernet header yet leaves by a raw socket, where the
// kernel knows or finds the neighbour.
//
// The programs may hear what the lanes of the tables expect, and answer it while
// the engine is late (Interface.Heard, Interface.Insurance; package
// engine/fastpath): such packets reach no Port.
//
// Live frames (Options.Transmit, Linux 5.18) are the cheaper way for a flush of
// many frames: one system call runs the XDP program for each of them, and that
// sends it. What the driver makes of them the kernel does not tell. So they are
// tried first, by few, trusted when the driver has counted these as sent, and
// left to the ring again while they are seen to be lost (proof). Their price: on
// x86 such a call waits for 10 to 40 ms when an XDP program is attached or
// detached anywhere on the host. Detection times below 100 ms want insurance
// beside them.
//
// Multihop stands beside the Interfaces: a VRF's UDP sockets for port 4784, whose
// packets arrive on any of its interfaces. Nothing is sent by it.
//
// An Interface may be asked from any goroutine; a Port belongs to its worker.
// Nothing on the way of a packet allocates, blocks, locks or logs.
package wire
