package sim

import (
	"encoding/binary"

	"github.com/xbfd/xbfd/packet"
)

// Heard counts what a NIC's XDP program does by itself: Heard frames went into
// no ring, and Answered of them were answered in the engine's place.
type Heard struct{ Heard, Answered uint64 }

// hears plays the XDP program as bpf/src/hear.h has it: a frame that is just
// what a lane of the host expects is noted and goes no farther.
func (n *NIC) hears(f *frame) bool {
	h := n.host
	discr := yourDiscr(f.bytes())
	if h.lanes == nil || discr == 0 {
		return false
	}
	lane, ok := h.Engine.Lane(discr)
	if !ok {
		return false
	}
	heard, reply := h.lanes.Take(lane, f.bytes(), n.Ifindex, int64(f.arrival))
	if !heard {
		return false
	}
	w := h.world
	n.Heard.Heard++
	w.noteFrame(h.name, "hears", f)
	h.watch.hearsAlone(n, discr, f)
	w.giveBack(f)
	if reply != nil {
		n.Answered++
		answer := w.copyFrame(reply)
		packet.ParseEthernet(answer.bytes(), &answer.dgram)
		w.noteFrame(h.name, "answers", answer)
		h.watch.answers(n, discr, answer)
		n.out.send(answer)
	}
	return true
}

// yourDiscr returns what stands in a Control packet's Your Discriminator, by
// which the program looks a session up; 0 if the frame is none.
func yourDiscr(b []byte) uint32 {
	const (
		ethernet   = 14
		udp        = 17
		ipv4, ipv6 = 0x0800, 0x86dd
	)
	if len(b) < ethernet+20 {
		return 0
	}
	at, protocol := ethernet+20, b[ethernet+9]
	switch kind := binary.BigEndian.Uint16(b[12:]); {
	case kind == ipv4 && b[ethernet] == 0x45:
	case kind == ipv6:
		at, protocol = ethernet+40, b[ethernet+6]
	default:
		return 0
	}
	if protocol != udp || len(b) < at+8+12 {
		return 0
	}
	if port := binary.BigEndian.Uint16(b[at+2:]); port != packet.PortControl && port != packet.PortMultihop {
		return 0
	}
	return binary.BigEndian.Uint32(b[at+8+8:])
}

// hasLanes tells whether each session of the host has a lane.
func (h *Host) hasLanes() bool { return h.lanes != nil && len(h.lanes.Images) >= lanes }
