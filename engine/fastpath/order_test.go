package fastpath

import (
	"sync/atomic"
	"testing"
	"time"
)

// glance reads an image in the order in which the program does, from another
// thread, and reports the word that all of a half had in common; ok is false when
// the image has moved on meanwhile.
func (im *Image) glance(t *testing.T) (common uint64, ok bool) {
	gen := atomic.LoadUint64(&im.Gen)
	h := &im.Half[gen&1]
	common = uint64(atomic.LoadUint32(&h.Ifindex))
	mixed := uint64(atomic.LoadUint32(&h.Len)) != common
	for i := range h.Word {
		mixed = mixed || atomic.LoadUint64(&h.Word[i]) != common
	}
	if atomic.LoadUint64(&im.Gen) != gen {
		return 0, false
	}
	if mixed {
		t.Errorf("a mixture in generation %d: %v", gen, *h)
	}
	return common, true
}

// Whoever reads an image while its writer turns it as fast as it can takes no
// mixture for a frame, and none that is older than one he has seen.
func TestImageIsNeverMixed(t *testing.T) {
	var im Image
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := uint32(1); !stop.Load(); n++ {
			h := Half{Ifindex: n, Len: n}
			for i := range h.Word {
				h.Word[i] = uint64(n)
			}
			im.turn(h)
		}
	}()
	var last uint64
	seen := 0
	for end := time.Now().Add(100 * time.Millisecond); (time.Now().Before(end) || seen < 2) && !t.Failed(); {
		if n, ok := im.glance(t); ok && n != last {
			if n < last {
				t.Errorf("%d after %d", n, last)
			}
			last = n
			seen++
		}
	}
	stop.Store(true)
	<-done
}
