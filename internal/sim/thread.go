package sim

import (
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// thread calls Step of one worker, as late as its host makes it.
type thread struct {
	host   *Host
	worker *engine.Worker
	index  int
	name   string

	due      session.Time // when the next Step is going to happen
	stalled  session.Time // no Step before this instant
	promised session.Time // what the last Step asked for
	resumed  session.Time // when the latest stall ended
	missed   session.Time // and how late the Step after it was
	last     session.Time // when it was
	late     session.Time // how late Steps have been, all together
	steps    uint64
	running  bool
	again    bool // woken while running

	step    step
	ledgers []*ledger
	inbox   []seen // frames that other threads took and handed over
}

// step is what one Step took and sent.
type step struct {
	thread    *thread
	now, next session.Time
	took      []seen
	sent      []seen
}

func (t *thread) took(ifindex int32, f *frame) {
	if t.host.watch != nil {
		p := look(ifindex, f)
		if t.host.lanes != nil && p.raw == nil {
			p.raw = slices.Clone(f.bytes())
		}
		t.step.took = append(t.step.took, p)
	}
}

func (t *thread) sent(ifindex int32, f *frame) {
	if t.host.watch != nil {
		t.step.sent = append(t.step.sent, look(ifindex, f))
	}
}

// kick makes the worker run as soon as its thread can wake up: a frame has
// arrived for it, or somebody posted to its mailbox.
func (t *thread) kick() {
	if t.running {
		t.again = true
		return
	}
	t.wakeAt(t.host.world.now)
}

func (t *thread) wakeAt(at session.Time) {
	if at == session.Never {
		return
	}
	at = max(at, t.host.world.now)
	if t.host.Late != nil {
		at += t.host.Late()
	}
	at = max(at, t.stalled)
	if at < t.due {
		t.due = at
		t.host.world.at(at, t)
	}
}

func (t *thread) stall(d session.Time) {
	t.stalled = max(t.stalled, t.host.world.now+d)
	t.host.world.note(t.name, "stalls %.6f s", seconds(d))
}

// maxSpin is how often a worker may ask to be called again at one instant
// before that counts as a loop without end.
const maxSpin = 1000

// act calls Step until the worker has nothing left to do at this instant.
func (t *thread) act() {
	w := t.host.world
	if t.due != w.now {
		return // an earlier wake-up took the place of this one
	}
	if w.now < t.stalled {
		t.due = t.stalled
		w.at(t.stalled, t)
		return
	}
	t.due = session.Never
	t.running = true
	for spin := 0; ; spin++ {
		t.again = false
		t.steps++
		t.step.took, t.step.sent = t.step.took[:0], t.step.sent[:0]
		t.noteStall(w.now)
		next := t.worker.Step(w.now)
		t.step.thread, t.step.now, t.step.next = t, w.now, next
		t.host.watch.stepped(&t.step)
		t.promised, t.last = next, w.now
		if next > w.now && !t.again {
			break
		}
		if spin == maxSpin {
			t.host.watch.fail(t.name, "%d Steps at one instant", spin)
			break
		}
	}
	t.running = false
	t.wakeAt(t.promised)
	t.host.read()
}

// noteStall keeps the latest stall, or the longer one before it while that is
// still fresh.
func (t *thread) noteStall(now session.Time) {
	late := now - t.promised
	if t.promised != session.Never && late > 0 {
		t.late += late
	}
	if t.promised == session.Never || late < Millisecond || late < t.missed && now < t.resumed+stallSettle {
		return
	}
	t.resumed, t.missed = now, late
}
