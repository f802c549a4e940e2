package timerwheel

import (
	"math"
	"math/bits"
)

// Never is the deadline of an id that has none.
const Never int64 = math.MaxInt64

// Tick is the width of the narrowest slot in nanoseconds.
const Tick = 1 << tickShift

const (
	tickShift = 15
	slotBits  = 6
	slots     = 1 << slotBits // in a level: one bit each of a uint64
	slotMask  = slots - 1
	levels    = 6
	top       = levels - 1

	// Nodes below ids are the heads of lists: the slots of every level, then due.
	due = levels * slots
	ids = due + 1
)

// node is what the wheel keeps of an id. Heads of lists are nodes too, of which
// only the links are used.
type node struct {
	deadline   int64
	at         int64 // start of the slot the id lies in, Never when it lies in none
	next, prev uint32
}

// Wheel holds the deadlines of ids 0 to n-1. It belongs to one goroutine.
type Wheel struct {
	tick  int64 // the tick of the last Advance: nothing lies in a slot before it
	nodes []node

	// A bit per head, set while its list is not empty; the last word is for due.
	occupied [levels + 1]uint64
}

// New returns a wheel for ids 0 to n-1, all disarmed, at the instant now.
func New(n int, now int64) *Wheel {
	w := &Wheel{tick: now >> tickShift, nodes: make([]node, ids, ids+n)}
	for head := range w.nodes {
		w.nodes[head].next, w.nodes[head].prev = uint32(head), uint32(head)
	}
	w.Grow(n)
	return w
}

// Grow makes room for ids up to n-1; armed ids keep their deadlines. It never
// shrinks.
func (w *Wheel) Grow(n int) {
	for len(w.nodes) < ids+n {
		w.nodes = append(w.nodes, node{deadline: Never, at: Never})
	}
}

// Arm sets the deadline of id, whether it had one or not. A deadline that has
// passed already fires at the next Advance. Never disarms.
func (w *Wheel) Arm(id uint32, deadline int64) {
	if n := &w.nodes[ids+int(id)]; deadline >= n.at && deadline != Never {
		n.deadline = deadline
	} else {
		w.move(id, deadline)
	}
}

// Disarm takes the deadline of id away.
func (w *Wheel) Disarm(id uint32) { w.move(id, Never) }

// Deadline returns the deadline of id, Never when it is disarmed.
func (w *Wheel) Deadline(id uint32) int64 { return w.nodes[ids+int(id)].deadline }

// Advance moves the wheel to the instant now and fills fire with the ids whose
// deadline is not after now, roughly the earliest first. They are disarmed. It
// returns how many it filled; when that is all of fire, more may be due: call
// again. However long the wheel was left alone, the work is in the ids looked
// at, not in the time passed.
func (w *Wheel) Advance(now int64, fire []uint32) int {
	if t := now >> tickShift; t > w.tick {
		w.collect(t)
		w.tick = t
	}
	n := w.drain(due, now, fire, 0)
	// The tick that is running may hold ids on either side of now.
	return w.drain(uint32(w.tick&slotMask), now, fire, n)
}

// collect moves every slot that starts before tick t, or with it from level 1
// up, to the due list.
func (w *Wheel) collect(t int64) {
	for level := range levels {
		from, to := w.tick>>(level*slotBits), t>>(level*slotBits)
		if level > 0 {
			if from == to {
				return
			}
			// The present slot of the upper levels has been through the lower ones.
			from, to = from+1, to+1
		}
		passed := bits.RotateLeft64(w.occupied[level], -int(from&slotMask))
		if to-from < slots {
			passed &= 1<<(to-from) - 1
		}
		for ; passed != 0; passed &= passed - 1 {
			slot := (from + int64(bits.TrailingZeros64(passed))) & slotMask
			w.splice(uint32(level*slots) + uint32(slot))
		}
	}
}

// drain fires the ids of a list that are due and places those anew that lie too
// early. It stops when fire is full.
func (w *Wheel) drain(head uint32, now int64, fire []uint32, fired int) int {
	for i := w.nodes[head].next; i != head; {
		n := &w.nodes[i]
		next := n.next
		switch {
		case n.deadline <= now:
			if fired == len(fire) {
				return fired
			}
			fire[fired] = i - ids
			fired++
			w.unlink(n)
			n.deadline, n.at = Never, Never
		case head == due || n.deadline>>tickShift > w.tick:
			w.unlink(n)
			w.place(n, i)
		}
		i = next
	}
	return fired
}
