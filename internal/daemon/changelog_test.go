package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// logged is a changeLog on a clock of its own, and what it has written since
// lines was last called.
type logged struct {
	*changeLog
	clock time.Time
	text  bytes.Buffer
}

func newLogged() *logged {
	l := &logged{clock: time.Unix(1000, 0)}
	h := slog.NewTextHandler(&l.text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	l.changeLog = newChangeLog(slog.New(h), func() time.Time { return l.clock })
	return l
}

func (l *logged) lines() (list []string) {
	list = strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
	l.text.Reset()
	if list[0] == "" {
		return nil
	}
	return list
}

func (l *logged) passes(d time.Duration) {
	l.clock = l.clock.Add(d)
	if l.due() {
		l.flush()
	}
}

func up() *engine.Event {
	return &engine.Event{Transitions: 1, Change: engine.Change{From: packet.Init, To: packet.Up, Remote: packet.Up}}
}

// silent is a session whose peer was not heard for 160 ms.
func silent() *engine.Event {
	const at = session.Time(5 * session.Second)
	return &engine.Event{
		Transitions: 1, Failed: true,
		Change: engine.Change{At: at, From: packet.Up, To: packet.Down, Diag: packet.DiagControlExpiry, Remote: packet.Up},
		Failure: engine.Failure{At: at, Diag: packet.DiagControlExpiry, LastRx: at - session.Time(160*session.Millisecond),
			DetectionTime: 150 * session.Millisecond},
	}
}

// TestChangesOneByOne: what a line says.
func TestChangesOneByOne(t *testing.T) {
	const at = session.Time(5 * session.Second)
	stalled := silent()
	stalled.Failure.Stalled = 20 * session.Millisecond
	overflown := silent()
	overflown.Failure.Lost = 12
	recovered := silent()
	recovered.Transitions, recovered.Change = 3, engine.Change{At: at + 1, From: packet.Init, To: packet.Up, Remote: packet.Up}
	admin := silent()
	admin.Change.Diag, admin.Change.Remote = packet.DiagNeighborDown, packet.AdminDown
	admin.Failure.Diag, admin.Failure.Admin = packet.DiagNeighborDown, true
	gone := &engine.Event{Transitions: 2, Failed: true, Failure: admin.Failure, Change: engine.Change{At: at + 1, From: packet.Down, To: packet.Init}}
	neighbor := &engine.Event{Transitions: 2, Failed: true, Failure: admin.Failure, Change: gone.Change}
	neighbor.Failure.Admin, neighbor.Failure.Remote = false, packet.DiagControlExpiry
	echo := silent()
	echo.Change.Diag, echo.Failure.Diag = packet.DiagEchoFailed, packet.DiagEchoFailed
	pathDown := &engine.Event{Transitions: 1, Change: engine.Change{
		At: at, From: packet.Up, To: packet.AdminDown, Diag: packet.DiagPathDown, Remote: packet.Up}}
	reset := &engine.Event{Transitions: 1, Change: engine.Change{
		At: at, From: packet.Up, To: packet.Down, Diag: packet.DiagForwardingReset, Remote: packet.Up}}

	const failed = "silent=160ms detection-time=150ms"
	for _, c := range []struct {
		name string
		ev   *engine.Event
		want []string
	}{
		{"up", up(), []string{"level=INFO from=init to=up diag=none cause=up"}},
		{"failure", silent(), []string{"level=WARN from=up to=down diag=control-expiry cause=control-expiry " + failed}},
		{"failure while we were stalled", stalled, []string{"level=WARN from=up to=down diag=control-expiry cause=control-expiry " + failed + " stalled=20ms"}},
		{"failure while our rings overflowed", overflown, []string{"level=WARN from=up to=down diag=control-expiry cause=control-expiry " + failed + " ring-overflow=12"}},
		{"echo that does not come back", echo, []string{"level=WARN from=up to=down diag=echo-failed cause=echo-failed last-return=160ms detection-time=150ms"}},
		{"somebody knows that the path failed", pathDown, []string{"level=INFO from=up to=admin-down diag=path-down cause=path-down"}},
		{"forwarding reset", reset, []string{"level=INFO from=up to=down diag=forwarding-reset cause=forwarding-reset"}},
		{"administrative", admin, []string{"level=INFO from=up to=down diag=neighbor-down cause=remote-admin-down " + failed}},
		{"failure and recovery before anybody looked", recovered, []string{
			"level=WARN from=up to=down diag=control-expiry cause=control-expiry " + failed,
			"level=INFO from=init to=up diag=none cause=up"}},
		{"the peer's AdminDown and its return", gone, []string{
			"level=INFO from=up to=down diag=neighbor-down cause=remote-admin-down " + failed,
			"level=INFO from=down to=init diag=none cause=neighbor-heard"}},
		{"the peer's Down and its return", neighbor, []string{
			"level=WARN from=up to=down diag=neighbor-down cause=neighbor-down " + failed + " remote-diag=control-expiry",
			"level=INFO from=down to=init diag=none cause=neighbor-heard"}},
	} {
		l := newLogged()
		l.note(c.ev, "eth0", slog.String("peer", "192.0.2.1"))
		var got []string
		for _, line := range l.lines() {
			got = append(got, strings.Replace(line, ` msg="session state" peer=192.0.2.1`, "", 1))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	rows.CoversOn(t, rows.Virtual, "5882-3.2-01")
}

// TestManyChanges: more than twenty in a second become one line for each
// interface, new state and cause.
func TestManyChanges(t *testing.T) {
	l := newLogged()
	for range 15 {
		l.note(up(), "eth0")
	}
	l.passes(400 * time.Millisecond)
	for i := range 30 {
		l.note(silent(), fmt.Sprintf("eth%d", i%2))
		l.note(up(), "eth1")
	}
	if n := len(l.lines()); n != maxChangeLines {
		t.Errorf("%d lines within the second, want %d", n, maxChangeLines)
	}
	if l.passes(599 * time.Millisecond); l.text.Len() > 0 {
		t.Errorf("before the second is over: %s", &l.text)
	}
	l.passes(time.Millisecond)
	want := []string{
		`level=INFO msg="more session state changes" ifname=eth0 to=down cause=control-expiry count=13`,
		`level=INFO msg="more session state changes" ifname=eth1 to=down cause=control-expiry count=14`,
		`level=INFO msg="more session state changes" ifname=eth1 to=up cause=up count=28`,
	}
	if diff := cmp.Diff(want, l.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// A new second: lines again, and nothing is told twice.
	l.note(up(), "eth0")
	l.passes(2 * time.Second)
	l.note(up(), "eth0")
	if n := len(l.lines()); n != 2 {
		t.Errorf("%d lines for two changes in different seconds", n)
	}
	// Whoever notes in the next second tells of the last one first.
	for range maxChangeLines + 5 {
		l.note(up(), "eth0")
	}
	l.clock = l.clock.Add(time.Second)
	l.lines()
	l.note(silent(), "eth0")
	if got := l.lines(); len(got) != 2 || !strings.Contains(got[0], "count=6") {
		t.Errorf("%q", got)
	}
}
