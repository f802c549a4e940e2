package hooks

import "time"

// maxLines is how many runs are logged in a second.
const maxLines = 20

// limit lets maxLines through in a second, and counts the rest.
type limit struct {
	since  time.Time
	lines  int
	silent int
}

// allow tells whether there is room for a line, and how many had none in the second
// that has just ended.
func (l *limit) allow(now time.Time) (silent int, ok bool) {
	if now.Sub(l.since) >= time.Second {
		silent = l.silent
		*l = limit{since: now}
	}
	l.lines++
	if l.lines > maxLines {
		l.silent++
		return silent, false
	}
	return silent, true
}
