package bench

import "sync"

// exit is by which uplink a prefix is reached.
type exit uint8

const (
	noExit exit = iota
	byUplink
	bySpare // or told no more, where that is what is waited for
)

// exits are the prefixes as one of the observers sees them: the kernel's routes, or
// what a BGP neighbour is told.
type exits struct {
	mu    sync.Mutex
	by    []exit
	back  int    // how many are reached by the uplink
	moved []bool // since arm
	moves moves
}

// moves are the changes from the uplink to the spare one, each prefix counted once.
// Times are CLOCK_MONOTONIC in nanoseconds.
type moves struct {
	count       int
	first, last int64
}

func newExits(n int) *exits { return &exits{by: make([]exit, n), moved: make([]bool, n)} }

// set notes how prefix k is reached from a moment on.
func (w *exits) set(k int, by exit, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k < 0 || k >= len(w.by) || w.by[k] == by {
		return
	}
	if w.by[k] == byUplink {
		w.back--
	}
	if w.by[k] = by; by == byUplink {
		w.back++
	}
	if by != bySpare || w.moved[k] {
		return
	}
	w.moved[k] = true
	if w.moves.count++; w.moves.count == 1 {
		w.moves.first = at
	}
	w.moves.last = at
}

// arm forgets what has moved so far.
func (w *exits) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.moved)
	w.moves = moves{}
}

func (w *exits) look() moves {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moves
}

// whole says whether every prefix is reached by the uplink.
func (w *exits) whole() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back == len(w.by)
}
