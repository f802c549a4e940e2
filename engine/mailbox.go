package engine

import (
	"sync"
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/session"
)

// command is something the control plane wants done by the worker, on the
// worker's own goroutine.
type command func(w *Worker, now session.Time)

// maxCommands bounds what one Step takes from the mailbox, so that adding
// thousands of sessions does not delay the packets of those that run.
const maxCommands = 64

// mailbox carries commands to a worker. Any goroutine posts; the worker looks
// at one flag per Step and takes the lock only when something is there and
// nobody else holds it.
//
// No command is forgotten: pending changes under the lock only, together with the
// queue, and whoever posts wakes the worker afterwards. A worker that saw it false
// looks again once woken, since it clears the mark of the waker before each look
// (engine/wire's waiter), and Go's atomics have one order for all.
type mailbox struct {
	pending atomic.Bool

	mu    sync.Mutex
	queue []command

	taken []command // the worker's own: being worked off
}

func (m *mailbox) post(c command) {
	m.mu.Lock()
	m.queue = append(m.queue, c)
	m.pending.Store(true)
	m.mu.Unlock()
}

// run executes at most maxCommands and reports whether more are waiting.
func (m *mailbox) run(w *Worker, now session.Time) (more bool) {
	if len(m.taken) == 0 {
		if !m.pending.Load() {
			return false
		}
		if !m.mu.TryLock() {
			return true
		}
		m.taken, m.queue = m.queue, nil
		m.pending.Store(false)
		m.mu.Unlock()
	}
	n := min(len(m.taken), maxCommands)
	for _, c := range m.taken[:n] {
		c(w, now)
	}
	clear(m.taken[:n])
	m.taken = m.taken[n:]
	return len(m.taken) > 0 || m.pending.Load()
}
