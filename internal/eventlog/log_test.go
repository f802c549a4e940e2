package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

// newTestLog is a log of n events whose numbers begin with 1.
func newTestLog(n int) *Log { return New(n, time.UnixMilli(1)) }

// adds adds n events of a session each, on eth0 and eth1 in turn.
func (l *Log) adds(n int) {
	for i := range n {
		l.Add(Record{Kind: Up, Cause: "up", Discr: uint32(i + 1), Interface: fmt.Sprintf("eth%d", i%2)})
	}
}

// story is what a reader gets without waiting: numbers, and of lost events how many.
func story(t *testing.T, l *Log, q control.EventQuery) (list []string) {
	t.Helper()
	q.Once = true
	r, err := l.Reader(q)
	if err != nil {
		t.Fatal(err)
	}
	for {
		events, err := r.Next(t.Context(), nil)
		for _, ev := range events {
			list = append(list, short(ev))
		}
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func short(ev control.Event) string {
	if ev.Type != control.EventLost {
		return fmt.Sprint(ev.Seq)
	}
	if ev.Restarted {
		return fmt.Sprintf("restarted, %d lost before %d", *ev.Lost, ev.Seq+1)
	}
	return fmt.Sprintf("%d lost before %d", *ev.Lost, ev.Seq+1)
}

func since(seq uint64) *uint64 { return &seq }

// TestEventLog: from every place, what is there and how much is not.
func TestEventLog(t *testing.T) {
	fresh, full := newTestLog(4), newTestLog(4)
	fresh.adds(3)
	full.adds(10)
	later := New(4, time.UnixMilli(1000))
	later.adds(6)
	eth1 := control.EventQuery{Since: since(0), Interface: "eth1"}
	for _, c := range []struct {
		name string
		log  *Log
		q    control.EventQuery
		want []string
	}{
		{"nothing has happened", newTestLog(4), control.EventQuery{Since: since(0)}, nil},
		{"from now on", fresh, control.EventQuery{}, nil},
		{"all", fresh, control.EventQuery{Since: since(0)}, []string{"1", "2", "3"}},
		{"after one", fresh, control.EventQuery{Since: since(1)}, []string{"2", "3"}},
		{"after the last", fresh, control.EventQuery{Since: since(3)}, nil},
		{"all of many", full, control.EventQuery{Since: since(0)}, []string{"6 lost before 7", "7", "8", "9", "10"}},
		{"after one that is gone", full, control.EventQuery{Since: since(4)}, []string{"2 lost before 7", "7", "8", "9", "10"}},
		{"after the last that is gone", full, control.EventQuery{Since: since(6)}, []string{"7", "8", "9", "10"}},
		{"an interface", fresh, eth1, []string{"2"}},
		{"an interface, and what was lost of it is not known", full, eth1, []string{"6 lost before 7", "8", "10"}},
		{"another type", fresh, control.EventQuery{Since: since(0), Types: []string{Down}}, nil},
		{"after an event of an earlier daemon", later, control.EventQuery{Since: since(900)},
			[]string{"restarted, 2 lost before 1002", "1002", "1003", "1004", "1005"}},
	} {
		if diff := cmp.Diff(c.want, story(t, c.log, c.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	var refused *control.Error
	if _, err := fresh.Reader(control.EventQuery{Since: since(4)}); !errors.As(err, &refused) || refused.Code != control.CodeInvalid || refused.Field != "since" {
		t.Errorf("after an event that has not happened: %v", err)
	}
}

// TestSlowReader: one that comes back late is told how much it has missed, and no
// writer has waited for it.
func TestSlowReader(t *testing.T) {
	l := newTestLog(8)
	r, err := l.Reader(control.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	l.adds(2)
	first, err := r.Next(t.Context(), nil)
	if err != nil || len(first) != 2 {
		t.Fatalf("%d events, %v", len(first), err)
	}
	l.adds(20)
	late, err := r.Next(t.Context(), nil)
	if err != nil || len(late) != 9 || short(late[0]) != "12 lost before 15" || late[8].Seq != 22 {
		t.Errorf("%+v, %v", late, err)
	}
}

// TestManyReaders: each gets each event once and in order, or is told that it did
// not, while others read and somebody writes; and all of them get the last one.
func TestManyReaders(t *testing.T) {
	const events = 20_000
	l := newTestLog(64)
	var all sync.WaitGroup
	for range 4 {
		r, err := l.Reader(control.EventQuery{})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			last, lost := uint64(0), uint64(0)
			for {
				list, err := r.Next(t.Context(), nil)
				for _, ev := range list {
					if ev.Type == control.EventLost {
						lost += *ev.Lost
						last = ev.Seq
						continue
					}
					if last++; ev.Seq != last {
						t.Errorf("event %d after %d", ev.Seq, last-1)
						return
					}
				}
				if err == io.EOF {
					break
				}
			}
			if last != events {
				t.Errorf("the last event was %d, %d were lost", last, lost)
			}
		})
	}
	l.adds(events)
	l.End()
	all.Wait()
}

// TestReaderThatWaits is released by what it waits for.
func TestReaderThatWaits(t *testing.T) {
	l := newTestLog(4)
	r, _ := l.Reader(control.EventQuery{Interface: "eth1"})
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	wait := func() {
		_, err := r.Next(ctx, nil)
		got <- err
	}
	go wait()
	l.adds(1) // on eth0
	l.adds(2)
	if err := <-got; err != nil {
		t.Error(err)
	}
	go wait()
	cancel()
	if err := <-got; err != context.Canceled {
		t.Error(err)
	}
	ctx = t.Context()
	go wait()
	l.End()
	l.End()
	if err := <-got; err != io.EOF {
		t.Error(err)
	}
}

// TestAddingAllocatesNothing, so that a storm costs no more than its events.
func TestAddingAllocatesNothing(t *testing.T) {
	l := newTestLog(16)
	if n := testing.AllocsPerRun(100, func() { l.adds(0); l.Add(Record{Kind: Up}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLastEvents are the latest of a session.
func TestLastEvents(t *testing.T) {
	l := newTestLog(8)
	for range 5 {
		l.adds(3)
	}
	var got []uint64
	for _, ev := range l.Last(2, func(r *Record) bool { return r.Discr == 2 }) {
		got = append(got, ev.Seq)
	}
	if diff := cmp.Diff([]uint64{14, 11}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list := l.Last(9, func(*Record) bool { return true }); len(list) != 8 {
		t.Errorf("%d of 8 events", len(list))
	}
}

// loggedEvents is a Backend whose events are those of a log.
type loggedEvents struct {
	*controltest.Backend
	log *Log
}

func (b loggedEvents) Events(_ context.Context, q control.EventQuery) (control.EventReader, error) {
	return b.log.Reader(q)
}

// TestReaderThatStops: a client that stops reading its socket holds up nobody, and
// finds everything accounted for when it goes on.
func TestReaderThatStops(t *testing.T) {
	t.Parallel()
	const events = 50_000
	l := newTestLog(64)
	c := control.NewClient(controltest.Serve(t, loggedEvents{controltest.New(), l}))
	defer c.Close()
	l.adds(1)
	stopped, goOn, done := make(chan struct{}), make(chan struct{}), errors.New("done")
	var read, lost uint64
	ended := make(chan error)
	go func() {
		ended <- c.Events(t.Context(), control.EventQuery{Since: since(0)}, func(ev control.Event) error {
			if read++; read == 1 {
				close(stopped)
				<-goOn
			}
			if ev.Type == control.EventLost {
				read--
				lost += *ev.Lost
			}
			if ev.Seq == events {
				return done
			}
			return nil
		})
	}()
	<-stopped
	l.adds(events - 1) // its socket is full long before the end
	close(goOn)
	if err := <-ended; err != done {
		t.Fatal(err)
	}
	if read+lost != events || lost < events/10 {
		t.Errorf("%d read and %d lost of %d", read, lost, events)
	}
	l.End()
}
