package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
)

// noted is a daemon that runs nothing and has been told of notes, with its log.
func noted(notes []engine.Note, unsaid uint64) (d *Daemon, text *bytes.Buffer) {
	text = new(bytes.Buffer)
	log := slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d = &Daemon{events: eventlog.New(64, time.UnixMilli(1)), log: log, debugEvents: log, byDiscr: heldByDiscr()}
	d.noteRare(notes, unsaid)
	return d, text
}

// TestStallIsAnEvent of no session.
func TestStallIsAnEvent(t *testing.T) {
	d, text := noted([]engine.Note{{Kind: engine.Stall, At: wire.Now(), Worker: 1, Late: 41 * session.Millisecond, Count: 7}}, 0)
	got := d.events.Last(1, func(*eventlog.Record) bool { return true })[0]
	late, worker := uint64(41_000), 1
	if diff := cmp.Diff(&control.Cause{Kind: "stall", Stalled: &late, Worker: &worker, Count: 7}, got.Cause); diff != "" || got.Type != "stall" || got.Session != nil {
		t.Errorf("%+v (-want +got):\n%s", got, diff)
	}
	if !strings.Contains(text.String(), `level=DEBUG msg="worker stalled" worker=1 stalled=41ms count=7`) {
		t.Errorf("log: %s", text)
	}
}

// TestNearMissesBeyondWhatIsTold are one event with their number, a second later.
func TestNearMissesBeyondWhatIsTold(t *testing.T) {
	d, text := noted(make([]engine.Note, 5), 7) // of sessions that have gone
	if n := len(d.events.Last(9, func(*eventlog.Record) bool { return true })); n != 0 {
		t.Errorf("%d events at once", n)
	}
	d.flushNearMisses(time.Now())
	d.flushNearMisses(time.Now().Add(2 * time.Second))
	d.flushNearMisses(time.Now().Add(4 * time.Second))
	list := d.events.Last(9, func(*eventlog.Record) bool { return true })
	if len(list) != 1 || list[0].Type != "near-miss" || list[0].Session != nil || list[0].Cause.Count != 12 {
		t.Errorf("%+v", list)
	}
	if got := text.String(); strings.Count(got, "WARN") != 1 || !strings.Contains(got, `msg="sessions came near to failing" near-misses=12`) {
		t.Errorf("log: %s", got)
	}
	d.misses.unwarned = 5
	d.flushNearMisses(time.Now().Add(warnEvery))
	d.flushNearMisses(time.Now().Add(warnEvery + 3*time.Second))
	if n := strings.Count(text.String(), "WARN"); n != 2 {
		t.Errorf("%d warnings in little more than a minute", n)
	}
}
