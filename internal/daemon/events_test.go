package daemon

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/testnet"
)

// follows collects the events that a daemon tells from now on, in words, until
// stop is called.
func (e *end) follows(q control.EventQuery) (told func() []control.Event, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan control.Event, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.Events(ctx, q, func(ev control.Event) error { events <- ev; return nil })
	}()
	var list []control.Event
	return func() []control.Event {
			for {
				select {
				case ev := <-events:
					list = append(list, ev)
				default:
					return list
				}
			}
		}, func() {
			cancel()
			<-ended
		}
}

// brief is what happened in words, but for what a busy host adds to that.
func brief(list []control.Event) (words []string) {
	for _, ev := range list {
		if ev.Type == eventlog.Stall || ev.Type == eventlog.NearMiss {
			continue
		}
		word := ev.Type + " " + ev.Cause.Kind
		if ev.Cause.By != "" {
			word += " " + ev.Cause.By
		}
		words = append(words, word)
	}
	return words
}

// TestEventsOfAFailure: what is told of a session from its beginning to its end,
// by a daemon that is reloaded meanwhile, can be read as it happens and again.
func TestEventsOfAFailure(t *testing.T) {
	t.Parallel()
	a, b := two(t, "", "")
	all := control.EventQuery{Since: ptr(uint64(0))}
	told, stop := a.follows(all)
	defer stop()
	waitUp(t, a, b)
	testnet.Eventually(t, 10*time.Second, "the event is told", func() bool { return slices.Contains(brief(told()), "session-up up") })

	a.set(control.SessionChange{DetectMult: ptr(uint8(patient + 1))})
	b.set(control.SessionChange{Shutdown: ptr(true)})
	a.sees("the peer is shut down", func(s control.Session) bool { return s.State == "down" })
	b.set(control.SessionChange{Shutdown: ptr(false)})
	waitUp(t, a, b)
	checkHistory(t, a.session())
	a.mu.Lock()
	a.source = "transport: udp\nshutdown-hold: 0s\n" // the peer is gone from it
	a.mu.Unlock()
	if _, err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	testnet.Eventually(t, 10*time.Second, "the session is gone", func() bool {
		return slices.Contains(brief(told()), "deleted removed")
	})
	list := told()
	want := []string{
		"created asked-for file", "session-up up", "changed configured file",
		"session-down remote-admin-down", "session-up up", "admin-down admin-down", "deleted removed",
	}
	got := slices.DeleteFunc(brief(list), func(s string) bool { return s == "changed neighbor-heard" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, ev := range list[1:] {
		if ev.Seq != list[i].Seq+1 {
			t.Errorf("event %d after %d", ev.Seq, list[i].Seq)
		}
		if s := ev.Session; ev.Type != eventlog.Stall && (s == nil || s.Peer != a.peer || s.Interface != "eth0" || s.Local.String() != "192.0.2.1" || s.Discr == 0) {
			t.Errorf("%s is about %+v", ev.Type, s)
		}
	}
	down := list[slices.IndexFunc(list, func(ev control.Event) bool { return ev.Type == "session-down" })]
	if down.From != "up" || down.To != "down" || down.Diagnostic != "neighbor-down" || down.LastRx == nil || down.Cause.Evidence == nil {
		t.Errorf("the failure: %+v, %+v", down, down.Cause)
	}
	checkAgain(t, a, list)
}

// checkHistory: a session that came up again still tells how it went down.
func checkHistory(t *testing.T, s control.Session) {
	t.Helper()
	h := slices.DeleteFunc(s.History, func(ev control.Event) bool { return ev.Cause.Kind == "neighbor-heard" })
	want := []string{"session-up up", "session-down remote-admin-down", "changed configured file", "session-up up", "created asked-for file"}
	if diff := cmp.Diff(want, brief(h)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
		return
	}
	c := h[1].Cause
	if c.Evidence == nil || c.Stalled == nil || c.DetectionTime == 0 || c.Suspect != "peer" || c.RingOverflow != 0 || c.RingOverflowWithin == 0 {
		t.Errorf("evidence: %+v, %+v", c, c.Evidence)
	}
	if s.LastChange.Evidence != nil {
		t.Errorf("evidence of coming up: %+v", s.LastChange.Evidence)
	}
}

// checkAgain reads events again, all and after each.
func checkAgain(t *testing.T, e *end, list []control.Event) {
	t.Helper()
	for i, from := range list {
		var again []control.Event
		q := control.EventQuery{Since: &from.Seq, Once: true}
		if err := e.Events(t.Context(), q, func(ev control.Event) error { again = append(again, ev); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(brief(list[i+1:]), brief(again)); diff != "" {
			t.Errorf("after %d (-want +got):\n%s", from.Seq, diff)
		}
	}
}

// TestEventsUntilTheEnd: whoever follows hears of the leave, and then that the
// daemon has ended; one that does not read keeps nobody.
func TestEventsUntilTheEnd(t *testing.T) {
	t.Parallel()
	testnet.RequireRoot(t)
	n := testnet.NewNS(t, "n")
	r := run(t, n, "shutdown-hold: 100ms\npeers: [{peer: 192.0.2.2}]\n")
	var list []control.Event
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		ended <- r.client.Events(context.Background(), control.EventQuery{Since: ptr(uint64(0))}, func(ev control.Event) error {
			if list = append(list, ev); len(list) == 1 {
				close(ready)
			}
			return nil
		})
	}()
	<-ready
	stuck := make(chan struct{})
	defer close(stuck)
	go func() {
		_ = r.client.Events(context.Background(), control.EventQuery{Since: ptr(uint64(0))}, func(control.Event) error {
			<-stuck
			return errors.New("enough")
		})
	}()
	r.end(t)
	if err := <-ended; !errors.Is(err, client.ErrEnded) || !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("ended with %v", err)
	}
	want := []string{"created asked-for file", "admin-down admin-down", "deleted removed"}
	if diff := cmp.Diff(want, brief(list)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
