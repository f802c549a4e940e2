package hooks

import (
	"time"

	"github.com/xbfd/xbfd/internal/config"
)

// damper hides from a hook that a session flaps, as RFC 5882 §3.1 allows. A failure
// is told at once. The Up after it is too, the first time; after each further failure
// it is held back for twice as long as before, and a failure in that time is not told,
// because to the hook the session is still down. Whoever has stayed up for the longest
// of these times, since that was told, begins anew.
type damper struct {
	how      config.Dampening
	sessions map[uint32]*flaps
	due      time.Time // no held Up is due before; zero: none is held
	tidy     time.Time // when to look for those that need not be remembered
}

// flaps is what a damper knows of a session that has failed.
type flaps struct {
	failures int
	up       time.Time // when Up was told after the latest; zero: not yet
	held     *job      // the Up that waits
	due      time.Time // until then
}

// verdict is what becomes of an event.
type verdict int

const (
	tell   verdict = iota
	hold           // later, if nothing comes in between
	absorb         // never: together with the Up that waited before it, it has not happened
)

// judge says what becomes of a job, and replaced how many held ones never happen.
func (d *damper) judge(j *job, now time.Time) (v verdict, replaced int) {
	id := j.ev.discr()
	f := d.sessions[id]
	switch {
	case d.how.Wait == 0 && f == nil || id == 0:
		return tell, 0
	case j.word == wordDown:
		return d.failed(id, f, now)
	case f == nil:
		return tell, 0
	case j.word == wordUp:
		replaced = f.drop()
		if wait := d.how.Hold(f.failures); wait > 0 {
			f.held, f.due = j, now.Add(wait)
			if d.due.IsZero() || f.due.Before(d.due) {
				d.due = f.due
			}
			return hold, replaced
		}
		f.up = now
	case j.word == wordAdminDown:
		replaced = f.drop() // on purpose, so it does not count
	case j.word == wordDeleted:
		replaced = f.drop()
		delete(d.sessions, id)
	}
	return tell, replaced
}

func (d *damper) failed(id uint32, f *flaps, now time.Time) (verdict, int) {
	if f == nil {
		d.forget(now)
		f = &flaps{}
		d.sessions[id] = f
	}
	if f.stable(now, d.how.Max) {
		f.failures = 0
	}
	f.failures++
	f.up = time.Time{}
	if n := f.drop(); n > 0 {
		return absorb, n
	}
	return tell, 0
}

func (f *flaps) drop() int {
	if f.held == nil {
		return 0
	}
	f.held = nil
	return 1
}

func (f *flaps) stable(now time.Time, longest time.Duration) bool {
	return !f.up.IsZero() && now.Sub(f.up) >= longest
}

// forget removes, from time to time, what no longer matters.
func (d *damper) forget(now time.Time) {
	if now.Before(d.tidy) {
		return
	}
	d.tidy = now.Add(max(d.how.Max, time.Second))
	for id, f := range d.sessions {
		if f.stable(now, d.how.Max) {
			delete(d.sessions, id)
		}
	}
}

// release returns the held jobs whose time has come.
func (d *damper) release(now time.Time) (jobs []*job) {
	if d.due.IsZero() || now.Before(d.due) {
		return nil
	}
	d.due = time.Time{}
	for _, f := range d.sessions {
		switch {
		case f.held == nil:
		case !now.Before(f.due):
			jobs = append(jobs, f.held)
			f.held, f.up = nil, now
		case d.due.IsZero() || f.due.Before(d.due):
			d.due = f.due
		}
	}
	return jobs
}

// flush returns all held jobs.
func (d *damper) flush() (jobs []*job) {
	for _, f := range d.sessions {
		if f.held != nil {
			jobs = append(jobs, f.held)
		}
	}
	d.sessions, d.due = nil, time.Time{}
	return jobs
}

// holds returns how many jobs are held that will be told.
func (d *damper) holds() (n int) {
	for _, f := range d.sessions {
		if f.held != nil && f.held.hook.Wants(wordUp) {
			n++
		}
	}
	return n
}
