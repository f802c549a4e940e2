package timerwheel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xbfd/xbfd/internal/rows"
)

const (
	second = 1000 * ms
	hour   = 3600 * second
	day    = 24 * hour
)

// A deadline is exact to the nanosecond on both sides, however far away.
func TestNeitherEarlyNorLate(t *testing.T) {
	longest := int64(255) * 4_294_967_295 * 1000 // the longest detection time of RFC 5880
	for _, start := range []int64{0, 1, Tick - 1, 7 * hour, 1<<51 - 5, -3 * second} {
		for _, after := range []int64{1, Tick - 1, Tick, ms, 50 * ms, second, hour, day, 12 * day, longest, 27 * day, 5000 * day} {
			w := New(1, start)
			fire := make([]uint32, 2)
			w.Arm(0, start+after)
			for _, tt := range []struct {
				now  int64
				want int
			}{{start, 0}, {start + after/2, 0}, {start + after - 1, 0}, {start + after, 1}, {start + after + day, 0}} {
				if tt.now == start+after/2 && after == 1 {
					continue
				}
				if got := w.Advance(tt.now, fire); got != tt.want {
					t.Errorf("from %d, armed for +%d: Advance(+%d) fired %d, want %d", start, after, tt.now-start, got, tt.want)
				}
			}
		}
	}
	rows.Covers(t, "5880-6.8.3-15")
}

func TestSleepUntilNext(t *testing.T) {
	tests := []struct {
		name  string
		after int64
		wakes int // at most so many, the one that fires included
	}{
		{"same tick", 100, 1},
		{"a packet interval", 9 * ms, 1},
		{"within a round of level 2", 8 * second, 1},
		{"an hour", hour, 5},
		{"the longest detection time", 12 * day, 6},
		{"beyond the wheel", 365 * day, 40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, now := New(1, 0), int64(0)
			w.Arm(0, tt.after)
			fire := make([]uint32, 1)
			for wakes := 1; wakes <= tt.wakes; wakes++ {
				now = w.Next()
				if w.Advance(now, fire) == 1 {
					if now != tt.after || w.Next() != Never {
						t.Errorf("fired at %d, want %d; then Next() = %d", now, tt.after, w.Next())
					}
					return
				}
			}
			t.Errorf("not fired after %d wakes, at %d of %d", tt.wakes, now, tt.after)
		})
	}
}

// A full slot keeps Next short: of more ids in one tick than it looks at it may
// return any, so a caller that sleeps until then is late by less than a tick.
func TestNextInCrowdedTick(t *testing.T) {
	w := New(1000, 0)
	for id := range uint32(1000) {
		w.Arm(id, 10*Tick+1000-int64(id))
	}
	if next := w.Next(); next < 10*Tick+1 || next >= 11*Tick {
		t.Errorf("Next() = %d, want within the tick from %d", next, 10*Tick)
	}
	// Spread over a slot of level 1 the answer is the slot's start.
	w = New(1000, 0)
	for id := range uint32(1000) {
		w.Arm(id, 64*Tick*5+1_500_000-int64(id)*1000)
	}
	if next := w.Next(); next != 64*Tick*5 {
		t.Errorf("Next() = %d, want %d", next, 64*Tick*5)
	}
}

// Ids that moved on while their tick came are gone from it after one Advance,
// so a caller does not come back for them again and again.
func TestCrowdedTickMovedOn(t *testing.T) {
	w := New(1000, 0)
	for id := range uint32(1000) {
		w.Arm(id, 10*Tick)
		w.Arm(id, 50*ms)
	}
	now := int64(10*Tick + 5)
	if n := w.Advance(now, make([]uint32, 8)); n != 0 {
		t.Fatalf("fired %d early", n)
	}
	if next := w.Next(); next <= now {
		t.Errorf("Next() = %d at %d, all deadlines are at %d", next, now, 50*ms)
	}
}

func TestFireSmallerThanDue(t *testing.T) {
	p := newPair(t, 1000, 0, 7)
	for id := range uint32(1000) {
		p.arm(id, int64(id%50)*ms)
	}
	// What is left over can be moved, disarmed and asked for like any other id.
	first := p.wheel.Advance(hour, p.fire)
	for _, id := range p.fire[:first] {
		delete(p.oracle, id)
	}
	if next := p.wheel.Next(); first != 7 || next > hour {
		t.Fatalf("fired %d, then Next() = %d; want 7 and no later than now", first, next)
	}
	left := 0
	for id := range uint32(1000) {
		if _, armed := p.oracle[id]; armed && left < 3 {
			left++
			switch left {
			case 1:
				p.disarm(id)
			case 2:
				p.arm(id, 2*hour)
			case 3:
				p.arm(id, 10)
			}
		}
	}
	p.check()
	if fired := p.advance(hour); fired != 1000-7-2 {
		t.Errorf("then fired %d, want all but the one disarmed and the one moved", fired)
	}
	p.check()
}

func TestOrderOfFiring(t *testing.T) {
	w := New(4, 0)
	w.Arm(0, hour)
	w.Arm(1, 3*ms)
	w.Arm(2, second)
	w.Arm(3, 40_000)
	fire := make([]uint32, 4)
	n := w.Advance(2*hour, fire)
	if diff := cmp.Diff([]uint32{3, 1, 2, 0}, fire[:n]); diff != "" {
		t.Errorf("after a stall (-want +got):\n%s", diff)
	}
}

func TestRearmWhileFiring(t *testing.T) {
	w, now := New(3, 0), int64(0)
	fire := make([]uint32, 3)
	for id := range uint32(3) {
		w.Arm(id, ms)
	}
	for round := range 1000 {
		now += ms
		n := w.Advance(now, fire)
		got := slices.Sorted(slices.Values(fire[:n]))
		if diff := cmp.Diff([]uint32{0, 1, 2}, got); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
		for _, id := range fire[:n] {
			if d := w.Deadline(id); d != Never {
				t.Fatalf("fired id %d keeps the deadline %d", id, d)
			}
			w.Arm(id, now+ms)
		}
	}
}

func TestClockThatStandsOrSteps(t *testing.T) {
	w := New(2, 10*second)
	fire := make([]uint32, 2)
	w.Arm(0, 10*second+100)
	w.Arm(1, 9*second) // passed already
	if n := w.Advance(10*second, fire); n != 1 || fire[0] != 1 {
		t.Errorf("fired %v, want the deadline that had passed", fire[:n])
	}
	if n := w.Advance(9*second, fire); n != 0 {
		t.Errorf("fired %d on a step back", n)
	}
	if n := w.Advance(10*second+100, fire); n != 1 {
		t.Errorf("fired %d at the deadline, want 1", n)
	}
}

// However a caller moves deadlines, an id lies in one slot or none.
func TestBound(t *testing.T) {
	patterns := map[string]func(i int) int64{
		"short and long":      func(i int) int64 { return []int64{10 * ms, 10 * second}[i%2] },
		"ever earlier":        func(i int) int64 { return day - int64(i)*second },
		"every level in turn": func(i int) int64 { return 1 << (18 + 6*(i%7)) },
		"armed and disarmed":  func(i int) int64 { return []int64{ms, Never - 1_000_000*ms}[i%2] },
	}
	for name, after := range patterns {
		t.Run(name, func(t *testing.T) {
			const n = 20
			p := newPair(t, n, 0, 8)
			for i := range 5000 {
				for id := range uint32(n) {
					p.arm(id, p.now+after(i))
				}
				if i%100 == 0 {
					p.check() // counts the slots that each id lies in
				}
				if p.advance(p.now+100_000) != 0 {
					t.Fatal("fired early")
				}
			}
			entries := 0
			for head := range uint32(ids) {
				for i := p.wheel.nodes[head].next; i != head; i = p.wheel.nodes[i].next {
					entries++
				}
			}
			if entries != n {
				t.Errorf("%d entries in the wheel for %d ids", entries, n)
			}
		})
	}
}

func TestGrow(t *testing.T) {
	p := newPair(t, 3, 0, 100)
	p.arm(2, ms)
	p.grow(200)
	p.arm(202, 2*ms)
	p.wheel.Grow(10) // never shrinks
	p.check()
	if p.advance(ms) != 1 || p.advance(2*ms) != 1 {
		t.Error("deadlines lost by Grow")
	}
}

func TestNoAllocation(t *testing.T) {
	const n = 1000
	rng := rand.New(rand.NewPCG(2, 2))
	w, now := New(n, 0), int64(0)
	fire := make([]uint32, 64)
	allocs := testing.AllocsPerRun(1000, func() {
		for range 20 {
			w.Arm(rng.Uint32N(n), now+rng.Int64N(1<<(10+rng.UintN(40))))
		}
		w.Disarm(rng.Uint32N(n))
		now = max(now, min(w.Next(), now+rng.Int64N(second)))
		for w.Advance(now, fire) == len(fire) {
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a round, want none", allocs)
	}
}

func ExampleWheel() {
	w := New(100, 0)
	w.Arm(7, 30_000_000)  // 30 ms
	w.Arm(8, 20_000_000)  // 20 ms
	w.Arm(8, 150_000_000) // pushed back: one store

	fire := make([]uint32, 16)
	for next := w.Next(); next != Never; next = w.Next() {
		for _, id := range fire[:w.Advance(next, fire)] {
			fmt.Printf("id %d at %d ms\n", id, next/1_000_000)
		}
	}
	// Output:
	// id 7 at 30 ms
	// id 8 at 150 ms
}
