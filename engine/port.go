package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// MaxFrame is the size in bytes that every buffer of a Port has at least: more
// than the longest frame a template makes.
const MaxFrame = packet.MaxFrame

// Nobody is the Ifindex of a packet that belongs to no session, even if it names
// one: it arrived on a VLAN that is nobody's.
const Nobody = -1

// Rx is one received datagram on its way into a worker.
type Rx struct {
	packet.Datagram
	// Ifindex is the interface whose packet it is, where that lies over the port's
	// (the device of its VLAN, a bond) or the port is that of many interfaces, of
	// which some may be in a VRF; 0 is the port's own. It may be Nobody.
	Ifindex int32
	Arrival session.Time // when it arrived, as exactly as the path can tell
	// Frame is the whole Ethernet frame, valid as long as Payload; nil when a
	// socket delivered the datagram.
	Frame []byte
}

// Port is what a worker knows of one network interface: a way to receive and a
// way to send. engine/wire makes Ports of AF_XDP rings and UDP sockets, the
// simulator of lossy links. A Port belongs to one worker; all of its methods
// are called by that worker only, never concurrently, never allocate and never
// block.
type Port interface {
	// Receive fills batch from the front and returns how many it filled; fewer
	// than len(batch) means that nothing was left waiting. Payloads are valid
	// until the next call of Receive.
	Receive(batch []Rx) int

	// Ring reports whether a frame with its Ethernet header leaves as it is, which
	// what only the kernel's sockets carry does not. It must not change.
	Ring() bool

	// Alloc returns a buffer of at least MaxFrame bytes for one frame to send,
	// or nil when the path has no room (the caller counts it). l2 says that the
	// frame's Ethernet header is complete; a frame without goes by a path
	// where the kernel finds the neighbour. At most one buffer is out at a time.
	Alloc(l2 bool) []byte

	// Commit queues the frame of n bytes written to Alloc's last buffer; its IP
	// header starts at byte l3.
	Commit(n, l3 int)

	// Flush hands everything committed to the kernel in as few system calls as
	// possible and returns how many frames were refused since the last call.
	Flush() (failed int)

	// Lost returns how many frames have arrived here for which there was no room:
	// those that nobody has seen. It only ever rises. It may make a system call for
	// each queue and socket; the worker asks a few times a second.
	Lost() uint64
}
