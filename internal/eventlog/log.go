package eventlog

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// Log keeps the latest events for whoever wants to read them, now or again.
// Adding one never waits for a reader; a reader that is too slow finds a line that
// says how many it has missed.
type Log struct {
	mu     sync.Mutex
	ring   []Record
	first  uint64        // seq of the first event there ever was
	next   uint64        // seq of the next one; it goes to ring[next%len(ring)]
	wake   chan struct{} // closed when there is more, if somebody waits
	awaits bool
	ended  chan struct{} // closed by End
	once   sync.Once
}

// New returns a log of the latest n events. Its numbers begin with the
// milliseconds since 1970, so that those of a later daemon are higher: a reader
// that comes back learns that it has missed something.
func New(n int, now time.Time) *Log {
	first := uint64(max(now.UnixMilli(), 1))
	l := &Log{
		ring: make([]Record, n), first: first, next: first,
		wake: make(chan struct{}), ended: make(chan struct{}),
	}
	for i := range l.ring {
		l.ring[i].Count = 1 // all the memory is taken now, not in the first storm
	}
	return l
}

// Add puts an event behind the others, in place of the oldest.
func (l *Log) Add(r Record) {
	l.mu.Lock()
	l.ring[l.next%uint64(len(l.ring))] = r
	l.next++
	if l.awaits {
		close(l.wake)
		l.wake, l.awaits = make(chan struct{}), false
	}
	l.mu.Unlock()
}

// End says that nothing will be added any more.
func (l *Log) End() { l.once.Do(func() { close(l.ended) }) }

// oldest returns the seq of the oldest event that is kept. l.mu is held.
func (l *Log) oldest() uint64 {
	if n := uint64(len(l.ring)); l.next-l.first > n {
		return l.next - n
	}
	return l.first
}

// copyBatch is how many events a reader looks at between two moments in which
// others may.
const copyBatch = 64

// read appends the selected ones of the events from seq on to buf, as far as one
// look goes, and returns the seq to go on from. The channel is closed when there
// is more; it is nil while there is.
func (l *Log) read(seq uint64, q *control.EventQuery, buf []control.Event) ([]control.Event, uint64, <-chan struct{}) {
	var batch [copyBatch]Record
	from, n, more := l.copy(seq, &batch)
	if seq < from {
		buf = append(buf, l.lost(seq, from))
	}
	for i := range batch[:n] {
		s := batch[i].Session()
		if q.Selects(batch[i].Kind, s) {
			buf = append(buf, batch[i].Event(from+uint64(i), s))
		}
	}
	return buf, from + uint64(n), more
}

// copy fills batch with the first n events that are kept of those from seq on; their
// numbers begin with from. The channel is as in read.
func (l *Log) copy(seq uint64, batch *[copyBatch]Record) (from uint64, n int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = max(seq, l.oldest())
	n = int(min(l.next-from, copyBatch))
	for i := range n {
		batch[i] = l.ring[(from+uint64(i))%uint64(len(l.ring))]
	}
	if n == 0 && seq >= from {
		l.awaits, more = true, l.wake
	}
	return from, n, more
}

// lost tells that the events from seq until before from cannot be read any more.
func (l *Log) lost(seq, from uint64) control.Event {
	n := from - max(seq, l.first)
	return control.Event{
		Seq: from - 1, Time: time.Now().UTC(), Type: control.EventLost,
		Lost: &n, Restarted: seq < l.first,
	}
}

// Last returns at most n of the latest events that are wanted, the latest first.
func (l *Log) Last(n int, wanted func(*Record) bool) (list []control.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq := l.next; seq > l.oldest() && len(list) < n; seq-- {
		if r := &l.ring[(seq-1)%uint64(len(l.ring))]; wanted(r) {
			list = append(list, r.Event(seq-1, r.Session()))
		}
	}
	return list
}

// Reader is one reader of a Log.
type Reader struct {
	log   *Log
	query control.EventQuery
	seq   uint64 // of the next event to read
	until uint64 // of the first not to read, of one that wants only what there is
}

// Reader returns a reader of what q selects. It fails with a *control.Error where q is
// to go on from an event that there has not been yet.
func (l *Log) Reader(q control.EventQuery) (*Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &Reader{log: l, query: q, seq: l.next, until: l.next}
	switch {
	case q.Since == nil:
	case *q.Since == 0:
		r.seq = l.first
	case *q.Since >= l.next:
		return nil, &control.Error{Code: control.CodeInvalid, Field: "since",
			Message: "there is no such event yet: give the seq of one that was read, or 0 for all that are kept"}
	default:
		r.seq = *q.Since + 1
	}
	return r, nil
}

// Next implements control.EventReader.
func (r *Reader) Next(ctx context.Context, buf []control.Event) ([]control.Event, error) {
	for had := len(buf); ; {
		if r.query.Once && r.seq >= r.until {
			return buf, io.EOF
		}
		var more <-chan struct{}
		buf, r.seq, more = r.log.read(r.seq, &r.query, buf)
		if len(buf) > had {
			return buf, nil
		}
		if more == nil {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return buf, ctx.Err()
		case <-r.log.ended:
			if r.log.endsAt(r.seq) {
				return buf, io.EOF
			}
		}
	}
}

// endsAt reports whether there is no event from seq on.
func (l *Log) endsAt(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return seq >= l.next
}

// Ended implements control.EventReader.
func (r *Reader) Ended() <-chan struct{} { return r.log.ended }

// Follow calls each with every event there was and will be, until End was called and
// all were told; missed with how many have gone before they could be. What each gets
// is its own until it returns.
func (l *Log) Follow(missed func(n uint64), each func(seq uint64, r *Record)) {
	var batch [copyBatch]Record
	for seq := l.first; ; {
		from, n, more := l.copy(seq, &batch)
		if from > seq {
			missed(from - seq)
		}
		for i := range batch[:n] {
			each(from+uint64(i), &batch[i])
		}
		seq = from + uint64(n)
		if more == nil {
			continue
		}
		select {
		case <-more:
		case <-l.ended:
			if l.endsAt(seq) {
				return
			}
		}
	}
}
