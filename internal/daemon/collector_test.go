package daemon

import (
	"testing"
	"time"
)

// fakeHeap stands for the runtime: a cycle leaves what is live.
type fakeHeap struct {
	heap
	cycles int
	bound  int64
}

func (f *fakeHeap) collector() *collector {
	return &collector{
		look:    func() heap { return f.heap },
		collect: func() { f.cycles++; f.used = f.live },
		bound:   func(b int64) { f.bound = b },
	}
}

func TestCollectorTicks(t *testing.T) {
	const mb = 1 << 20
	type second struct {
		garbage uint64 // made since the last
		changes uint64 // likewise
		cycles  int    // afterwards, in all
	}
	for _, tt := range []struct {
		name string
		live uint64
		run  []second
	}{
		{"nothing happens", 4 * mb, []second{{}, {}, {}, {}, {}, {}}},
		{"after coming up, once", 4 * mb, []second{{8 * mb, 9, 0}, {mb, 5, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 1}, {8 * mb, 0, 1}, {8 * mb, 0, 1}}},
		{"not for a little", 4 * mb, []second{{1000, 9, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}},
		{"after each unrest", 4 * mb, []second{{2 * mb, 1, 0}, {}, {}, {0, 0, 1}, {2 * mb, 1, 1}, {0, 0, 1}, {0, 0, 1}, {0, 0, 2}}},
		{"not in it", 4 * mb, []second{{2 * mb, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}}},
		{"much garbage", 4 * mb, []second{{79 * mb, 1, 0}, {mb, 1, 1}, {79 * mb, 1, 1}, {mb, 1, 2}}},
		{"much of a large heap", 100 * mb, []second{{50 * mb, 1, 0}, {49 * mb, 1, 0}, {mb, 1, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeHeap{heap: heap{live: tt.live, used: tt.live, mapped: 2 * tt.live}}
			c := f.collector()
			now, changes := time.Unix(0, 0), uint64(0)
			for i, s := range tt.run {
				now = now.Add(time.Second)
				f.used += s.garbage
				changes += s.changes
				c.tick(now, changes)
				if f.cycles != s.cycles {
					t.Fatalf("%d cycles after second %d, want %d", f.cycles, i+1, s.cycles)
				}
				if want := int64(2*tt.live + burst); f.bound != want {
					t.Fatalf("bound %d, want %d", f.bound, want)
				}
			}
		})
	}
}
