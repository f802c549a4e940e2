package flight

import (
	"testing"
	"unsafe"

	"github.com/xbfd/xbfd/packet"
)

func TestAllocations(t *testing.T) {
	r, tap := newRecorder(4, 10), NewTap(false)
	a, b := seen(framed(packet.Up, 3, nil), 1, packet.DropNone), seen(framed(packet.Down, 3, nil), 1, packet.DropNone)
	bare := b
	bare.Frame, bare.TTL = nil, 3
	if n := testing.AllocsPerRun(100, func() {
		for slot := range uint32(20) {
			r.Received(slot, a)
			r.Received(slot, b)
			r.Received(slot, bare)
			r.Sent(slot, a.Frame, 42, true, false, 1)
			r.Sent(slot, a.Frame, 42, false, false, 1)
			r.Rebuilt(slot, a.Frame, r.Heard(slot, 4, 1), 1)
		}
		r.Forget(3)
		tap.Received(a)
		tap.Sent(a.Frame, 42, false, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Sessions and frames are many.
func TestSizes(t *testing.T) {
	if h, e := unsafe.Sizeof(history{}), unsafe.Sizeof(entry{}); h > 40 || e > 168 {
		t.Errorf("%d bytes for a session, %d for a frame", h, e)
	}
}

func BenchmarkRepeat(b *testing.B) {
	r := newRecorder(4, 10)
	s := seen(framed(packet.Up, 3, nil), 1, packet.DropNone)
	for b.Loop() {
		r.Received(0, s)
	}
}
