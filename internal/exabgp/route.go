package exabgp

import (
	"time"

	"github.com/xbfd/xbfd/internal/config"
)

// told is what ExaBGP was told of a route last.
type told uint8

const (
	nothing told = iota
	announced
	withdrawn
)

// How long a command that ExaBGP refused waits for the next attempt, at first and
// at most.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// route is one route as a value: what is known of its path, and what ExaBGP was
// told.
type route struct {
	spec config.ExaBGPRoute
	view view
	at   time.Time // since when
	told told
	lone bool // the log says that there is no such session

	retry time.Time // no attempt before; zero after one that was taken
	pause time.Duration
}

// see notes what is known of the path now.
func (r *route) see(v view, now time.Time) {
	if v != r.view {
		r.view, r.at = v, now
	}
}

// next returns what ExaBGP is to be told now, which is nothing while nothing is to
// be, and then the time at which that is another matter, zero if there is none.
func (r *route) next(x *config.ExaBGP, now time.Time) (told, time.Time) {
	want, due := r.told, r.at
	switch r.view {
	case up:
		want = announced
		if r.told == withdrawn {
			due = due.Add(r.spec.Hold)
		}
	case failed:
		want = withdrawn
	case missing:
		// A daemon that has just started has to have the time for its sessions.
		want, due = withdrawn, due.Add(x.Settle)
	case admin:
		if x.AdminDown == config.WordWithdraw {
			want = withdrawn
		}
	case away:
		if x.DaemonAway == config.WordWithdraw {
			want = withdrawn
		}
	}
	if want == r.told {
		return nothing, time.Time{}
	}
	if r.retry.After(due) {
		due = r.retry
	}
	if due.After(now) {
		return nothing, due
	}
	return want, time.Time{}
}

// said notes that ExaBGP was told.
func (r *route) said(t told) { r.told = t }

// taken notes that ExaBGP took the latest command.
func (r *route) taken() { r.retry, r.pause = time.Time{}, 0 }

// refused notes that ExaBGP did not: what it knows is what it knew, which may be
// anything, so it is told again after a pause.
func (r *route) refused(now time.Time) {
	r.told = nothing
	r.pause = min(max(2*r.pause, firstRetry), lastRetry)
	r.retry = now.Add(r.pause)
}
