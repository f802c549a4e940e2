package lookup

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type thing struct{ key, value int }

func keyOf(o *thing) int { return o.key }

// A Table does what a map does, whatever its hash is worth.
func TestLikeAMap(t *testing.T) {
	for name, hash := range map[string]func(int) Hash{
		"spread":    func(k int) Hash { return Hash(0).Word(uint64(k)) },
		"in a row":  func(k int) Hash { return Hash(k) },
		"clustered": func(k int) Hash { return Hash(k / 16) },
		"at an end": func(int) Hash { return 1<<64 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			table, want := New(keyOf, hash), make(map[int]int)
			rng := rand.New(rand.NewPCG(1, 2))
			for step := range 20_000 {
				k := rng.IntN(200)
				switch rng.IntN(5) {
				case 0, 1:
					table.Put(&thing{k, step})
					want[k] = step
				case 2, 3:
					_, had := want[k]
					if gone := table.Delete(k); (gone != nil) != had || had && *gone != (thing{k, want[k]}) {
						t.Fatalf("step %d: deleted %v, want %d, %v", step, gone, want[k], had)
					}
					delete(want, k)
				default:
					v, has := want[k]
					if o := table.Get(k); (o != nil) != has || has && o.value != v {
						t.Fatalf("step %d: got %v, want %d, %v", step, o, v, has)
					}
				}
			}
			got := make(map[int]int)
			for o := range table.All() {
				got[o.key] = o.value
			}
			if diff := cmp.Diff(want, got); diff != "" || table.Len() != len(want) {
				t.Errorf("%d things (-want +got):\n%s", table.Len(), diff)
			}
			for k := range maps.Keys(want) {
				table.Delete(k)
			}
			if table.Len() != 0 {
				t.Errorf("%d things are left", table.Len())
			}
		})
	}
}

// It takes 8 bytes for a thing and at most 14 for room: a third of it is used at
// least, once it has grown.
func TestRoom(t *testing.T) {
	table := New(keyOf, func(k int) Hash { return Hash(k) })
	for k := range 10_000 {
		table.Put(&thing{k, k})
		if n := len(table.slots); n > fewest && 8*n > 22*table.Len() {
			t.Fatalf("%d slots for %d things", n, table.Len())
		}
	}
}

// Finding takes no memory: workers do it.
func TestGetAllocatesNothing(t *testing.T) {
	table := New(keyOf, func(k int) Hash { return Hash(k) })
	table.Put(&thing{1, 1})
	if n := testing.AllocsPerRun(100, func() {
		if table.Get(1) == nil || table.Get(2) != nil {
			t.Error("not found, or found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
