package wire

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// newTestRing makes a ring without a kernel whose counters stand just before
// their overflow.
func newTestRing(size uint32) (ring[uint64], uint32) {
	const start = ^uint32(0) - 100
	r := ring[uint64]{
		produced: new(atomic.Uint32), consumed: new(atomic.Uint32), flags: new(atomic.Uint32),
		slots: make([]uint64, size), mask: size - 1,
	}
	r.produced.Store(start)
	r.consumed.Store(start)
	return r, start
}

// A producer and a consumer on one ring pass every value once and in order,
// never more than the ring holds, across the overflow of the counters.
func TestRing(t *testing.T) {
	const size = 16
	r, start := newTestRing(size)
	p := producer[uint64]{ring: r, head: start, tail: start}
	c := consumer[uint64]{ring: r, head: start, tail: start}
	rng := rand.New(rand.NewPCG(1, 2))
	var written, shown, read, released uint64
	for range 10000 {
		switch rng.IntN(4) {
		case 0:
			for range rng.IntN(size) {
				room := p.room(1)
				if uint64(room) > size-(written-released) {
					t.Fatalf("room for %d with %d of %d slots in use", room, written-released, size)
				}
				if room == 0 {
					break
				}
				p.push(written)
				written++
			}
		case 1:
			p.publish()
			shown = written
		case 2:
			if n := c.refresh(); uint64(n) != shown-read {
				t.Fatalf("%d wait, want %d", n, shown-read)
			}
			for n := rng.IntN(size); n > 0 && c.waiting() > 0; n-- {
				if v := c.pop(); v != read {
					t.Fatalf("read %d, want %d", v, read)
				}
				read++
			}
		case 3:
			c.release()
			released = read
			if n := p.unread(); uint64(n) != written-released {
				t.Fatalf("%d unread, want %d", n, written-released)
			}
		}
	}
	if written < 1000 {
		t.Fatalf("only %d values passed", written)
	}
}

func TestRingRoomWhenFull(t *testing.T) {
	r, start := newTestRing(4)
	p := producer[uint64]{ring: r, head: start, tail: start}
	for i := range uint64(4) {
		p.push(i)
	}
	if n := p.room(1); n != 0 {
		t.Errorf("room for %d in a full ring", n)
	}
	r.consumed.Store(start + 3)
	if n := p.room(1); n != 3 {
		t.Errorf("room for %d, want 3", n)
	}
}

func TestRingSize(t *testing.T) {
	for n, want := range map[int]uint32{0: 1, 1: 1, 2: 2, 3: 4, 512: 512, 513: 1024} {
		if got := ringSize(n); got != want {
			t.Errorf("ring for %d frames has %d entries, want %d", n, got, want)
		}
	}
}
