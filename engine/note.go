package engine

import "github.com/xbfd/xbfd/engine/session"

// NoteKind is what a Note tells.
type NoteKind uint8

// The kinds.
const (
	NearMiss NoteKind = iota // a packet came that saved its session
	Stall                    // a worker was called late
)

// Note tells of what is no change of a session but may become one.
type Note struct {
	Kind   NoteKind
	At     session.Time
	Worker int
	Count  uint64 // how often it has happened, this time included: to the session, or to the worker

	Discr         uint32 // NearMiss: the session
	Gap           int64  // ns since the packet before
	DetectionTime int64  // ns, as it was in force

	Late int64 // Stall: ns, the longest since the last Note of one
}

// tellEvery is how often the same is told at most: of a session, of a worker.
const tellEvery = session.Time(session.Second)

// maxNotes is how many Notes wait for the reader. Those for which there is no room
// are counted.
const maxNotes = 64

// tell keeps a Note for the reader.
func (o *outbox) tell(n Note) {
	if len(o.notes) == maxNotes {
		o.unsaid++
		return
	}
	if o.notes == nil {
		o.notes = make([]Note, 0, maxNotes)
	}
	o.notes = append(o.notes, n)
}

// TakeNotes appends to buf what was noted since it was last called, and returns
// how many Notes there was no room for. Whoever does not want to know need not
// call it.
func (e *Engine) TakeNotes(buf []Note) (notes []Note, unsaid uint64) {
	for i, w := range e.workers {
		n := len(buf)
		o := &w.out
		o.mu.Lock()
		buf = append(buf, o.noted...)
		o.noted = o.noted[:0]
		unsaid += o.left
		o.left = 0
		o.mu.Unlock()
		if len(buf) > n {
			e.wake(i)
		}
	}
	return buf, unsaid
}
