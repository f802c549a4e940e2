// Package lookup finds things by keys that they hold themselves. A Go map has a
// copy of each key, and addresses and names make long ones: for thousands of
// sessions they would take more memory than the sessions.
package lookup

import "iter"

// Table is a set of things with different keys. It takes 8 bytes for each and as
// many again for room. A thing keeps its key while it is in a Table. Where several
// goroutines use one, they see to it that they do so one after the other.
type Table[K comparable, T any] struct {
	key   func(*T) K
	hash  func(K) Hash
	slots []*T // a power of two, or none; a thing stands at its hash, or in the first free slot after it
	n     int
}

const fewest = 8 // slots

// New returns an empty Table. key reads the key of a thing.
func New[K comparable, T any](key func(*T) K, hash func(K) Hash) Table[K, T] {
	return Table[K, T]{key: key, hash: hash}
}

// Len returns how many things there are.
func (t *Table[K, T]) Len() int { return t.n }

// Get returns the thing with a key, nil if there is none.
func (t *Table[K, T]) Get(k K) *T {
	if t.n == 0 {
		return nil
	}
	return t.slots[t.at(k)]
}

// at returns the slot of a key, or the free one where it belongs.
func (t *Table[K, T]) at(k K) int {
	for i := t.home(k); ; i = t.after(i) {
		if o := t.slots[i]; o == nil || t.key(o) == k {
			return i
		}
	}
}

func (t *Table[K, T]) home(k K) int    { return int(uint64(t.hash(k)) & uint64(len(t.slots)-1)) }
func (t *Table[K, T]) after(i int) int { return (i + 1) & (len(t.slots) - 1) }

// Put adds a thing, in place of the one with the same key.
func (t *Table[K, T]) Put(o *T) {
	if 4*(t.n+1) > 3*len(t.slots) {
		t.grow()
	}
	i := t.at(t.key(o))
	if t.slots[i] == nil {
		t.n++
	}
	t.slots[i] = o
}

func (t *Table[K, T]) grow() {
	old := t.slots
	t.slots = make([]*T, max(fewest, 2*len(old)))
	for _, o := range old {
		if o != nil {
			t.slots[t.at(t.key(o))] = o
		}
	}
}

// Delete removes the thing with a key and returns it, nil if there is none.
func (t *Table[K, T]) Delete(k K) *T {
	if t.n == 0 {
		return nil
	}
	i := t.at(k)
	gone := t.slots[i]
	if gone == nil {
		return nil
	}
	t.n--
	// What stands behind the gap and is not at home closes it, or a search for it
	// would end there.
	for j := t.after(i); t.slots[j] != nil; j = t.after(j) {
		if home := t.home(t.key(t.slots[j])); t.distance(home, j) >= t.distance(i, j) {
			t.slots[i], i = t.slots[j], j
		}
	}
	t.slots[i] = nil
	return gone
}

// distance is how many slots on from one another one is.
func (t *Table[K, T]) distance(from, to int) int { return (to - from) & (len(t.slots) - 1) }

// All returns the things in no order. The Table must not be changed meanwhile.
func (t *Table[K, T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, o := range t.slots {
			if o != nil && !yield(o) {
				return
			}
		}
	}
}
