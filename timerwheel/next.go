package timerwheel

import "math/bits"

const (
	// lookahead is how many ids Next looks at: enough to be exact whenever few
	// are near, few enough to cost less than waking up once too often.
	lookahead = 32

	// lookLevels is how many levels Next looks into. A slot of those above lasts
	// seconds; waking up once at its start costs nothing.
	lookLevels = 3
)

// Next returns when Advance will have something to do, Never when no id is
// armed. It looks into the nearest slot, and places those of its ids anew that
// have moved later in the meantime. When that slot lies in the lower three
// levels (8.6 s ahead at most) and Next had no more than 32 ids to look at, the
// answer is the earliest deadline itself. Otherwise it is earlier, the start of
// the slot, from where Advance has its ids to spread; with one exception: of
// more than 32 ids within a single tick it is the earliest of 32, which is later
// than the earliest of all by less than a Tick.
func (w *Wheel) Next() int64 {
	if w.occupied[levels] != 0 {
		return w.tick << tickShift // fire was too short: go on at once
	}
	budget := lookahead
	for level := 0; level < levels; {
		from := w.tick >> (level * slotBits)
		ahead := bits.RotateLeft64(w.occupied[level], -int(from&slotMask))
		if ahead == 0 {
			level++
			continue
		}
		round := from + int64(bits.TrailingZeros64(ahead))
		start := round << (level*slotBits + tickShift)
		if level >= lookLevels {
			return start
		}
		earliest, whole := w.look(level, round, &budget)
		switch {
		case whole && earliest == Never: // all have moved on
		case whole, level == 0 && earliest != Never:
			return earliest
		default:
			return start
		}
	}
	return Never
}

// look returns the earliest deadline in a slot, Never if there is none, and
// whether budget sufficed to look at all of its ids. Ids whose deadline lies in
// a later slot leave for it.
func (w *Wheel) look(level int, round int64, budget *int) (earliest int64, whole bool) {
	earliest = Never
	head := uint32(level*slots) + uint32(round&slotMask)
	for i := w.nodes[head].next; i != head; {
		if *budget == 0 {
			return earliest, false
		}
		*budget--
		n := &w.nodes[i]
		next := n.next
		if n.deadline>>(level*slotBits+tickShift) > round {
			w.unlink(n)
			w.place(n, i)
		} else {
			earliest = min(earliest, n.deadline)
		}
		i = next
	}
	return earliest, true
}
