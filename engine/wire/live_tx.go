package wire

import (
	"sync/atomic"
	"time"

	"github.com/xbfd/xbfd/bpf"
)

// liveFrom is how many frames of one flush go as live frames; fewer go by the
// ring, whose call costs less.
const liveFrom = 24

// liveTx collects one worker's frames where they can be sent either way, and
// decides when it is known how many they are.
type liveTx struct {
	*bpf.Live
	queue  *queue
	proof  *proof
	n      int // frames committed
	failed int // frames given up since the last flush

	count liveCounters
}

// liveCounters are of live frames alone.
type liveCounters struct {
	refused atomic.Uint64 // could not be handed to the interface
	errors  atomic.Uint64 // calls that ended early
}

// alloc returns a buffer for one frame, the same one until it is committed.
func (t *liveTx) alloc() []byte {
	if t.n == len(t.Frames) {
		t.push()
	}
	return t.Frames[t.n].Data[:]
}

// commit queues the first n bytes of alloc's last buffer.
func (t *liveTx) commit(n int) {
	t.Frames[t.n].Len = uint64(n)
	t.n++
}

// flush sends what was committed and returns how many frames were given up
// since the last call.
func (t *liveTx) flush() (failed int) {
	if t.n > 0 {
		t.push()
	}
	failed, t.failed = t.failed+t.queue.flush(), 0
	return failed
}

func (t *liveTx) push() {
	at := 0
	if t.n >= liveFrom {
		at = t.live(t.proof.begin(t.n))
	}
	for ; at < t.n; at++ {
		t.byRing(&t.Frames[at])
	}
	t.n = 0
}

// live sends the first n frames and returns how many are dealt with: those that
// the kernel did not come to are the ring's.
func (t *liveTx) live(n int) int {
	if n == 0 {
		return 0
	}
	began := Now()
	taken, lost, errno := t.Send(n)
	took := time.Duration(Now() - began)
	if errno != 0 {
		t.count.errors.Add(1)
	}
	if lost > 0 {
		t.failed += lost
		t.count.refused.Add(uint64(lost))
	}
	t.proof.handed(n, taken-lost, lost, took)
	return taken
}

func (t *liveTx) byRing(f *bpf.LiveFrame) {
	buf := t.queue.alloc()
	if buf == nil {
		t.failed++
		return
	}
	t.queue.commit(copy(buf, f.Data[:f.Len]))
}
