package engine

import (
	"testing"
	"unsafe"

	"github.com/xbfd/xbfd/packet"
)

// What every session has is held to these sizes: more of it is memory for each of
// thousands, and cache lines of each packet.
func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, most uintptr
		why       string
	}{
		{"slot", unsafe.Sizeof(slot{}), 432, "the session itself is 160, its path 76, its counters 64"},
		{"template", unsafe.Sizeof(packet.Template{}), 128, "two cache lines: the largest frame with authentication"},
		{"discarded", unsafe.Sizeof(discarded{}), 4 * uintptr(packet.NumDrops), "four bytes for each reason"},
		{"record", unsafe.Sizeof(record{}), 96, "a size of the allocator"},
		{"binding", unsafe.Sizeof(binding{}), 48, "a size of the allocator"},
	} {
		if tt.got > tt.most {
			t.Errorf("%s: %d bytes, at most %d: %s", tt.name, tt.got, tt.most, tt.why)
		}
	}
}

// A session's discards count to the end of their numbers and stay there.
func TestDiscardsSaturate(t *testing.T) {
	r := newRig(t, 1)
	w, discr := r.e.workers[0], r.add(p50, 0)
	r.step()
	i, _ := w.lookup(discr)
	w.discards[i][packet.DropTTL] = 1<<32 - 2
	for range 3 {
		w.discard(i, packet.DropTTL)
	}
	if n, all := w.discards[i].sum()[packet.DropTTL], w.drops[packet.DropTTL]; n != 1<<32-1 || all != 3 {
		t.Errorf("%d of the session, %d of the worker", n, all)
	}
}

// Room grows by an eighth at most, and what is known to come gets no more.
func TestRoom(t *testing.T) {
	for n := 1; n <= MaxSlots; n += 1 + n/3 {
		if room := roomFor(n); room < n || room > n+max(64, n/8) || room > MaxSlots {
			t.Errorf("room for %d: %d", n, room)
		}
	}
	e, err := New(Config{Workers: 2, Sessions: 1001})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.workers[1].slots); n != 501 {
		t.Errorf("%d slots", n)
	}
}
