package daemon

import (
	"context"
	"log/slog"
	"sort"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// maxChangeLines is how many state changes a second are logged one by one. When
// a link with thousands of sessions fails, one line with counts says more than
// thousands of lines, and does not fill a disk. Who debugs wants all of them.
const maxChangeLines = 20

// changeLog logs state changes. It belongs to one goroutine.
type changeLog struct {
	log *slog.Logger
	now func() time.Time

	second  time.Time // when the current second began
	lines   int
	counted map[changeGroup]int // those beyond maxChangeLines
}

type changeGroup struct {
	ifname, cause string
	to            packet.State
}

func newChangeLog(log *slog.Logger, now func() time.Time) *changeLog {
	return &changeLog{log: log, now: now, counted: make(map[changeGroup]int)}
}

// note logs one event of a session, which is what attrs describe.
func (l *changeLog) note(ev *engine.Event, ifname string, attrs ...slog.Attr) {
	if now := l.now(); now.Sub(l.second) >= time.Second {
		l.flush()
		l.second, l.lines = now, 0
	}
	// A failure that was followed by something else before anybody looked is
	// told first (see engine.Event).
	if f := failureBefore(ev); f != nil {
		l.one(ev, *f, ifname, attrs)
	}
	l.one(ev, ev.Change, ifname, attrs)
}

func (l *changeLog) one(ev *engine.Event, c engine.Change, ifname string, attrs []slog.Attr) {
	cause := causeOf(c)
	if l.lines++; l.lines > maxChangeLines && !l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.counted[changeGroup{ifname, cause, c.To}]++
		return
	}
	attrs = append(attrs, slog.String("from", c.From.String()), slog.String("to", c.To.String()),
		slog.String("diag", c.Diag.String()), slog.String("cause", cause))
	level := slog.LevelInfo
	if ev.Failed && c.At == ev.Failure.At {
		if !ev.Failure.Admin { // an administrative act is no failure (RFC 5882 §3.2)
			level = slog.LevelWarn
		}
		silent := "silent"
		if c.Diag == packet.DiagEchoFailed {
			silent = "last-return" // the peer may be talking, but does not forward
		}
		attrs = append(attrs,
			slog.Duration(silent, time.Duration(ev.Failure.At-ev.Failure.LastRx)),
			slog.Duration("detection-time", time.Duration(ev.Failure.DetectionTime)))
		if ev.Failure.Stalled > 0 {
			attrs = append(attrs, slog.Duration("stalled", time.Duration(ev.Failure.Stalled)))
		}
		if ev.Failure.Lost > 0 {
			attrs = append(attrs, slog.Uint64("ring-overflow", ev.Failure.Lost))
		}
		if c.Diag == packet.DiagNeighborDown && ev.Failure.Remote != packet.DiagNone {
			attrs = append(attrs, slog.String("remote-diag", ev.Failure.Remote.String()))
		}
	}
	l.log.LogAttrs(context.Background(), level, "session state", attrs...)
}

// flush logs the counts of what was not logged one by one.
func (l *changeLog) flush() {
	groups := make([]changeGroup, 0, len(l.counted))
	for g := range l.counted {
		groups = append(groups, g)
	}
	sort.Slice(groups, func(i, j int) bool {
		a, b := groups[i], groups[j]
		if a.ifname != b.ifname {
			return a.ifname < b.ifname
		}
		if a.cause != b.cause {
			return a.cause < b.cause
		}
		return a.to < b.to
	})
	for _, g := range groups {
		l.log.Info("more session state changes", "ifname", g.ifname, "to", g.to.String(), "cause", g.cause, "count", l.counted[g])
	}
	clear(l.counted)
}

// due says whether counts have waited for a second.
func (l *changeLog) due() bool { return len(l.counted) > 0 && l.now().Sub(l.second) >= time.Second }
