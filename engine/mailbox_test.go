package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
)

// A Step takes a bounded number of commands, in the order they were posted, and
// asks to be called again at once when there are more.
func TestMailboxIsBoundedPerStep(t *testing.T) {
	r := newRig(t, 1)
	r.step()
	w := r.e.workers[0]
	const n = 2*maxCommands + 10
	var got, want []int
	for i := range n {
		want = append(want, i)
		r.e.post(0, func(*Worker, session.Time) { got = append(got, i) })
	}
	for i, limit := range []int{maxCommands, 2 * maxCommands, n} {
		next := w.Step(r.now)
		if len(got) != limit {
			t.Fatalf("after Step %d: %d commands, want %d", i+1, len(got), limit)
		}
		if again := next <= r.now; again != (limit < n) {
			t.Errorf("after Step %d: again %v", i+1, again)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// A poster that holds the lock just now delays its command, never the worker.
func TestMailboxDoesNotBlock(t *testing.T) {
	r := newRig(t, 1)
	r.step()
	w := r.e.workers[0]
	ran := false
	r.e.post(0, func(*Worker, session.Time) { ran = true })
	w.mail.mu.Lock()
	if next := w.Step(r.now); ran || next > r.now {
		t.Errorf("ran %v, next in %d ns", ran, next-r.now)
	}
	w.mail.mu.Unlock()
	if w.Step(r.now); !ran {
		t.Error("never ran")
	}
}
