package sim

import (
	"math/rand/v2"

	"github.com/xbfd/xbfd/engine/session"
)

// Units of virtual time.
const (
	Microsecond = session.Time(session.Microsecond)
	Millisecond = session.Time(session.Millisecond)
	Second      = session.Time(session.Second)
)

// World is virtual time: the instant it is, what is still to happen, in order,
// and the only source of chance.
type World struct {
	Seed  uint64
	Trace Trace

	start, now session.Time
	made       uint64 // events ever made: the order of those at one instant
	heap       []event
	dice       *rand.Rand
	spare      []*frame
}

type event struct {
	at   session.Time
	made uint64
	act  action
}

// action is something that happens at its instant.
type action interface{ act() }

type actionFunc func()

func (f actionFunc) act() { f() }

// NewWorld returns a world in which nothing is going to happen. Its clock does
// not start at zero: a host that boots has been up for a while, and some for a
// year.
func NewWorld(seed uint64) *World {
	w := &World{Seed: seed, dice: rand.New(rand.NewPCG(seed, 0x73696d)), Trace: Trace{hash: fnvBasis}}
	w.start = session.Time(w.dice.Int64N(365*24*3600)) * Second
	w.now = w.start
	return w
}

// Now returns the instant it is.
func (w *World) Now() session.Time { return w.now }

// Elapsed returns how much virtual time has passed in nanoseconds.
func (w *World) Elapsed() session.Time { return w.now - w.start }

// At makes fn happen at t, or now if t has passed.
func (w *World) At(t session.Time, fn func()) { w.at(t, actionFunc(fn)) }

// After makes fn happen d nanoseconds from now.
func (w *World) After(d session.Time, fn func()) { w.At(w.now+d, fn) }

// Run lets d nanoseconds pass.
func (w *World) Run(d session.Time) { w.RunUntil(w.now + d) }

// RunUntil lets everything happen that is due up to and including t.
func (w *World) RunUntil(t session.Time) {
	for len(w.heap) > 0 && w.heap[0].at <= t {
		e := w.pop()
		w.now = e.at
		e.act.act()
	}
	w.now = max(w.now, t)
}

func (w *World) at(t session.Time, a action) {
	w.made++
	w.heap = append(w.heap, event{max(t, w.now), w.made, a})
	h := w.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (w *World) pop() event {
	h := w.heap
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	w.heap = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.made < o.made
}

// chance is true once in 1/p times.
func (w *World) chance(p float64) bool { return p > 0 && w.dice.Float64() < p }

// upTo returns a random duration from 0 to d, both included.
func (w *World) upTo(d session.Time) session.Time {
	if d <= 0 {
		return 0
	}
	return session.Time(w.dice.Int64N(int64(d) + 1))
}

// between returns a random duration from lo to hi, both included.
func (w *World) between(lo, hi session.Time) session.Time { return lo + w.upTo(hi-lo) }
