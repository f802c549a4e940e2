package hooks

import (
	"slices"
	"time"

	"github.com/xbfd/xbfd/internal/config"
)

// maxWaiting bounds what waits for one hook.
const maxWaiting = 4096

// job is one run of a hook: with what the hook was when the event came, so that a
// reload changes nothing of it.
type job struct {
	hook *config.Hook
	ev   Event
	word string
}

// counts are what became of the events of a hook. An event that is neither waiting,
// held nor running is in exactly one of done, failed, dropped and suppressed.
type counts struct {
	done, failed, dropped, suppressed uint64
	timedOut, retried                 uint64 // of failed; requests that were repeated
}

// queue is what is to be done for one hook.
type queue struct {
	hook    *config.Hook // nil: it is no more, but what waits is still done
	name    string
	waiting []*job
	busy    map[lane]bool // there is a run for these peers
	pace    pace
	damper  damper
	counts  counts
	last    failure // the latest run, if it failed
}

// failure says why a run failed; the zero failure is none.
type failure struct {
	at  time.Time
	why string
}

func newQueue(h *config.Hook) *queue {
	q := &queue{name: h.Name, busy: make(map[lane]bool)}
	q.become(h)
	return q
}

// become takes another hook from the next event on. Counts, and what is known of
// sessions that flap, stay.
func (q *queue) become(h *config.Hook) {
	q.hook, q.damper.how = h, h.Dampening
	if q.damper.sessions == nil {
		q.damper.sessions = make(map[uint32]*flaps)
	}
	if q.pace.rate != h.Rate {
		q.pace = pace{rate: h.Rate}
	}
}

// end makes q that of a hook that is no more. What is held back is told now: it is how
// things stand, and q will not hear if that changes.
func (q *queue) end() {
	q.hook = nil
	for _, j := range q.damper.flush() {
		q.release(j)
	}
}

func (q *queue) release(j *job) {
	if j.hook.Wants(j.word) {
		q.put(j)
	}
}

// add takes an event.
func (q *queue) add(ev *Event, now time.Time) {
	if q.hook == nil || !ev.about(q.hook) {
		return
	}
	j := &job{hook: q.hook, ev: *ev, word: ev.word()}
	// Of a session that flaps everything counts, told or not.
	v, replaced := q.damper.judge(j, now)
	if q.hook.Wants(wordUp) {
		q.counts.suppressed += uint64(replaced)
	}
	switch {
	case !q.hook.Wants(j.word):
	case v == absorb:
		q.counts.suppressed++
	case v == tell:
		q.put(j)
	}
}

// put queues a job. Where there is no room, an older one of the same peer gives way,
// because it tells of what is over; else the job is dropped.
func (q *queue) put(j *job) {
	if len(q.waiting) >= maxWaiting {
		q.counts.dropped++
		old := slices.IndexFunc(q.waiting, func(w *job) bool { return w.ev.lane() == j.ev.lane() })
		if old < 0 {
			return
		}
		q.waiting = slices.Delete(q.waiting, old, old+1)
	}
	q.waiting = append(q.waiting, j)
}

// next returns the job to run now, which has begun with that, nil for none. Then
// wake, if it is not zero, is when there may be one although nothing has happened.
func (q *queue) next(now time.Time) (j *job, wake time.Time) {
	for _, j := range q.damper.release(now) {
		q.release(j)
	}
	wake = q.damper.due
	at := slices.IndexFunc(q.waiting, func(j *job) bool { return !q.busy[j.ev.lane()] })
	if at < 0 || len(q.busy) >= q.waiting[at].hook.Concurrency {
		return nil, wake
	}
	if may := q.pace.next(); now.Before(may) {
		if wake.IsZero() || may.Before(wake) {
			wake = may
		}
		return nil, wake
	}
	j = q.waiting[at]
	q.waiting = slices.Delete(q.waiting, at, at+1)
	q.busy[j.ev.lane()] = true
	q.pace.took(now)
	return j, time.Time{}
}

// ended takes back a job that next gave.
func (q *queue) ended(j *job, r result, now time.Time) {
	delete(q.busy, j.ev.lane())
	q.counts.retried += uint64(r.retries)
	if r.err == nil {
		q.counts.done++
		q.last = failure{}
		return
	}
	q.counts.failed++
	if r.timedOut {
		q.counts.timedOut++
	}
	q.last = failure{now, r.err.Error()}
}

// empty tells whether there is nothing left to do; a held Up is.
func (q *queue) empty() bool { return len(q.waiting) == 0 && len(q.busy) == 0 && q.damper.holds() == 0 }
