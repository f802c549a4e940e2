package timerwheel

import "math/bits"

// move gives an id a deadline that its slot does not allow for, or none.
func (w *Wheel) move(id uint32, deadline int64) {
	n := &w.nodes[ids+int(id)]
	if n.at != Never {
		w.unlink(n)
	}
	n.deadline, n.at = deadline, Never
	if deadline != Never {
		w.place(n, ids+id)
	}
}

// place puts a node that lies in no slot where its deadline says: the level is
// that of the highest digit, in base 64, in which the tick of the deadline
// differs from the wheel's.
func (w *Wheel) place(n *node, i uint32) {
	t := max(n.deadline>>tickShift, w.tick)
	level := 0
	if digits := uint64(t ^ w.tick); digits >= slots {
		level = (bits.Len64(digits) - 1) / slotBits
	}
	if level >= top {
		// The top level goes round: its slots are the 63 after the present one,
		// and what lies beyond them waits in the last.
		level = top
		last := w.tick>>(top*slotBits) + slotMask
		t = min(t, last<<(top*slotBits))
	}
	round := t >> (level * slotBits)
	n.at = round << (level*slotBits + tickShift)
	w.link(n, i, uint32(level*slots)+uint32(round&slotMask))
}

// link appends a node to a list.
func (w *Wheel) link(n *node, i, head uint32) {
	h := &w.nodes[head]
	n.next, n.prev = head, h.prev
	w.nodes[h.prev].next = i
	h.prev = i
	w.occupied[head>>slotBits] |= 1 << (head & slotMask)
}

// unlink takes a node out of its list.
func (w *Wheel) unlink(n *node) {
	w.nodes[n.prev].next = n.next
	w.nodes[n.next].prev = n.prev
	if n.prev == n.next { // it was alone with the head
		w.occupied[n.next>>slotBits] &^= 1 << (n.next & slotMask)
	}
}

// splice appends the whole list of a slot, which is not empty, to the due list.
func (w *Wheel) splice(head uint32) {
	h, d := &w.nodes[head], &w.nodes[due]
	w.nodes[h.next].prev = d.prev
	w.nodes[d.prev].next = h.next
	w.nodes[h.prev].next = due
	d.prev = h.prev
	h.next, h.prev = head, head
	w.occupied[head>>slotBits] &^= 1 << (head & slotMask)
	w.occupied[levels] |= 1
}
