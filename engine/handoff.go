package engine

import (
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// AF_XDP delivers a frame only to the socket of the queue it arrived on, and
// nothing makes a peer's frames arrive on the queue of the worker that runs its
// session. Such frames travel through a ring: one producer, one consumer, one
// ring for each ordered pair of workers, frames copied.
const (
	// After a stall of the whole process one worker wakes up before the other
	// and hands over all that has piled up. A ring that is too short then loses
	// the newest packets, which are those that prove the peer alive.
	handoffSlots = 1024
	// A BFD packet's Length is 8 bits; what follows it is padding that no
	// session looks at.
	handoffPayload = 256 + 64
)

// handoffEntry is a datagram without pointers, so that the collector leaves the
// rings alone.
type handoffEntry struct {
	arrival          session.Time
	src, dst         packet.Addr
	ifindex          int32
	srcPort, dstPort uint16
	vlan             uint16
	ttl              uint8
	n                uint16
	whole            bool // payload is the whole Ethernet frame, which holds the rest
	payload          [handoffPayload]byte
}

// handoff is the ring. head is written by the consumer only, tail by the
// producer only; each publishes entries by its own store (release) and sees the
// other's by its load (acquire), which Go's atomics are.
type handoff struct {
	head atomic.Uint32
	_    [60]byte
	tail atomic.Uint32
	_    [60]byte
	ring [handoffSlots]handoffEntry
}

// put copies a datagram in; false means that the ring is full.
func (h *handoff) put(rx *Rx, ifindex int32) bool {
	tail := h.tail.Load()
	if tail-h.head.Load() == handoffSlots {
		return false
	}
	e := &h.ring[tail%handoffSlots]
	e.arrival, e.ifindex = rx.Arrival, ifindex
	e.src, e.dst, e.srcPort, e.dstPort = rx.Src, rx.Dst, rx.SrcPort, rx.DstPort
	e.vlan, e.ttl = rx.VLAN, rx.TTL
	bytes := rx.Payload
	if e.whole = rx.Frame != nil && len(rx.Frame) <= len(e.payload); e.whole {
		bytes = rx.Frame
	}
	e.n = uint16(copy(e.payload[:], bytes))
	h.tail.Store(tail + 1)
	return true
}

// arrival returns when the oldest entry arrived.
func (h *handoff) arrival() (at session.Time, ok bool) {
	head := h.head.Load()
	if head == h.tail.Load() {
		return 0, false
	}
	return h.ring[head%handoffSlots].arrival, true
}

// peek returns the oldest entry as a received datagram, valid until pop.
func (h *handoff) peek(rx *Rx) (ifindex int32, ok bool) {
	head := h.head.Load()
	if head == h.tail.Load() {
		return 0, false
	}
	e := &h.ring[head%handoffSlots]
	rx.Arrival, rx.Frame = e.arrival, nil
	if e.whole {
		rx.Frame = e.payload[:e.n]
		packet.ParseEthernet(rx.Frame, &rx.Datagram)
		return e.ifindex, true
	}
	rx.Datagram = packet.Datagram{
		Src: e.src, Dst: e.dst, SrcPort: e.srcPort, DstPort: e.dstPort,
		VLAN: e.vlan, TTL: e.ttl, Payload: e.payload[:e.n],
	}
	return e.ifindex, true
}

func (h *handoff) pop() { h.head.Store(h.head.Load() + 1) }
