package timerwheel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

var sizes = []int{1_000, 10_000, 100_000}

const ms = 1_000_000

// detect is a wheel of n ids armed within 150 ms, as n sessions at 50 ms × 3.
func detect(n int) *Wheel {
	w := New(n, 0)
	for id := range uint32(n) {
		w.Arm(id, 100*ms+int64(id)*50*ms/int64(n))
	}
	return w
}

// A packet came: the deadline moves later.
func BenchmarkPushBack(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := detect(n)
			b.ReportAllocs()
			id, deadline := uint32(0), int64(150*ms)
			for b.Loop() {
				w.Arm(id, deadline)
				if id++; id == uint32(n) {
					id, deadline = 0, deadline+1
				}
			}
		})
	}
}

// A deadline goes and comes back earlier: the id leaves a slot and enters another.
func BenchmarkDisarmArm(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := detect(n)
			b.ReportAllocs()
			id, deadline := uint32(0), int64(90*ms)
			for b.Loop() {
				w.Disarm(id)
				w.Arm(id, deadline)
				if id++; id == uint32(n) {
					id, deadline = 0, max(ms, (deadline+7*ms)%(100*ms))
				}
			}
		})
	}
}

// A pass of the loop in which no timer is due, as after most packets.
func BenchmarkAdvanceIdle(b *testing.B) {
	w, now := detect(10_000), int64(0)
	fire := make([]uint32, 64)
	b.ReportAllocs()
	for b.Loop() {
		if now = (now + 1000) % (50 * ms); w.Advance(now, fire) != 0 {
			b.Fatal("fired early")
		}
	}
}

// An hour without an Advance: the work is in the ids, not in the ticks.
func BenchmarkStall(b *testing.B) {
	w, now := New(10, 0), int64(0)
	fire := make([]uint32, 64)
	b.ReportAllocs()
	for b.Loop() {
		for id := range uint32(10) {
			w.Arm(id, now+int64(id)*ms)
		}
		if now += 3_600_000 * ms; w.Advance(now, fire) != 10 {
			b.Fatal("not all fired")
		}
	}
}

// Transmit timers: each expires and is armed anew, jittered, while time runs.
// One operation is one expiry with its Arm and its share of Advance.
func BenchmarkExpireRearm(b *testing.B) {
	for _, n := range append([]int{4096}, sizes...) {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const interval = 50 * ms
			rng := rand.New(rand.NewPCG(1, 1))
			jitter := make([]int64, 8192) // drawn ahead: the generator is not measured
			for i := range jitter {
				jitter[i] = interval*3/4 + rng.Int64N(interval/4)
			}
			w := New(n, 0)
			for id := range uint32(n) {
				w.Arm(id, rng.Int64N(interval))
			}
			fire := make([]uint32, 64)
			now, left, draw := int64(0), 0, 0
			b.ReportAllocs()
			for b.Loop() {
				for left == 0 {
					now += 100_000
					left = w.Advance(now, fire)
				}
				left--
				draw++
				w.Arm(fire[left], now+jitter[draw%len(jitter)])
			}
		})
	}
}

// The next instant of interest, after one id has moved.
func BenchmarkNext(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			w := New(n, 0)
			for id := range uint32(n) {
				w.Arm(id, rng.Int64N(50*ms))
			}
			b.ReportAllocs()
			id := uint32(0)
			for b.Loop() {
				w.Arm(id, w.Deadline(id)+1)
				if w.Next() == Never {
					b.Fatal("nothing armed")
				}
				id = (id + 7) % uint32(n)
			}
		})
	}
}

// n sessions at 50 ms × 3: of each, a transmit timer that expires and a
// detection timer that a packet pushes back, in steps of 500 µs that ask when to
// run next. One operation is one packet received and one sent.
func BenchmarkSessions(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const interval, step = 50 * ms, 500_000
			rng := rand.New(rand.NewPCG(1, 1))
			jitter := make([]int64, 8192)
			for i := range jitter {
				jitter[i] = interval*3/4 + rng.Int64N(interval/4)
			}
			w := New(2*n, 0) // transmit timers first
			for id := range uint32(n) {
				w.Arm(id, rng.Int64N(interval))
				w.Arm(uint32(n)+id, 3*interval)
			}
			fire := make([]uint32, 64)
			now, left, draw := int64(0), 0, 0
			b.ReportAllocs()
			for b.Loop() {
				for left == 0 {
					if left = w.Advance(now, fire); left == 0 {
						now = max(now+step, w.Next())
					}
				}
				left--
				draw++
				id := fire[left]
				if id >= uint32(n) {
					b.Fatalf("detection of session %d expired at %d", id-uint32(n), now)
				}
				w.Arm(id, now+jitter[draw%len(jitter)])
				w.Arm(uint32(n)+id, now+3*interval)
			}
		})
	}
}
