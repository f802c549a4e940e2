package hooks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
)

// desk plays events into a queue in virtual time and writes down what is run. A run
// takes no time unless slow.
type desk struct {
	q    *queue
	now  time.Time
	open []*job // runs that have not ended
	slow bool
	said []string
}

func newDesk(t testing.TB, hook string) *desk {
	return &desk{q: newQueue(&parse(t, "hooks: ["+hook+"]")[0]), now: begin}
}

// until lets time pass.
func (d *desk) until(at time.Time) {
	for {
		j, wake := d.q.next(d.now)
		switch {
		case j != nil:
			d.said = append(d.said, fmt.Sprintf("%v %s %d", d.now.Sub(begin), j.word, j.ev.discr()))
			if d.slow {
				d.open = append(d.open, j)
			} else {
				d.q.ended(j, result{}, d.now)
			}
		case !wake.IsZero() && !wake.After(at):
			d.now = wake
		default:
			d.now = at
			return
		}
	}
}

// play takes "SECONDS WHAT PEER" lines, the seconds since the beginning.
func (d *desk) play(t testing.TB, script string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		var at float64
		var what string
		var peer int
		if _, err := fmt.Sscan(line, &at, &what, &peer); err != nil {
			t.Fatal(err)
		}
		d.until(begin.Add(time.Duration(at * float64(time.Second))))
		if what != "nothing" {
			d.q.add(event(what, peer), d.now)
		}
		d.until(d.now)
	}
}

func TestDampening(t *testing.T) {
	for _, tt := range []struct {
		name, hook, script string
		want               []string
		suppressed         uint64
	}{
		{"one failure is told with its end", "{on: [up, down], run: [/bin/true]}",
			"0 up 1\n1 down 1\n2 up 1\n100 nothing 0", []string{"0s up 1", "1s down 1", "2s up 1"}, 0},
		{"each further Up waits twice as long", "{on: [up, down], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n3 up 1\n5 down 1\n6 up 1\n10 down 1\n11 up 1\n100 nothing 0",
			[]string{"0s down 1", "1s up 1", "2s down 1", "4s up 1", "5s down 1", "8s up 1", "10s down 1", "15s up 1"}, 0},
		{"a failure while Up waits has not happened", "{on: [up, down], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n3 up 1\n3.5 down 1\n3.6 up 1\n100 nothing 0",
			[]string{"0s down 1", "1s up 1", "2s down 1", "5.6s up 1"}, 2},
		{"it ends in what is", "{on: [up, down], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n3 up 1\n3.5 down 1\n100 nothing 0", []string{"0s down 1", "1s up 1", "2s down 1"}, 2},
		{"never longer than the maximum, and anew after it", "{on: [up, down], run: [/bin/true], dampening: {wait: 4s, maximum: 6s}}",
			"0 down 1\n1 up 1\n2 down 1\n3 up 1\n8 down 1\n9 up 1\n21 down 1\n22 up 1\n100 nothing 0",
			[]string{"0s down 1", "1s up 1", "2s down 1", "7s up 1", "8s down 1", "15s up 1", "21s down 1", "22s up 1"}, 0},
		{"off", "{on: [up, down], run: [/bin/true], dampening: off}",
			"0 down 1\n0.1 up 1\n0.2 down 1\n0.3 up 1\n9 nothing 0", []string{"0s down 1", "100ms up 1", "200ms down 1", "300ms up 1"}, 0},
		{"each session for itself", "{on: [up, down], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n3 up 1\n3 down 2\n3 up 2\n9 nothing 0", []string{"0s down 1", "1s up 1", "2s down 1", "3s down 2", "3s up 2", "4s up 1"}, 0},
		{"AdminDown is told, and is no failure", "{on: [up, down, admin-down], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n2.5 up 1\n3 admin-down 1\n4 up 1\n9 nothing 0",
			[]string{"0s down 1", "1s up 1", "2s down 1", "3s admin-down 1", "5s up 1"}, 1},
		{"who is gone does not come up", "{on: [up, down, deleted], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n2.5 up 1\n3 deleted 1\n9 nothing 0", []string{"0s down 1", "1s up 1", "2s down 1", "3s deleted 1"}, 1},
		{"a hook for failures only", "{on: [down], run: [/bin/true]}",
			"0 down 1\n1 up 1\n2 down 1\n3 up 1\n3.5 down 1\n9 nothing 0", []string{"0s down 1", "2s down 1"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.hook)
			d.play(t, tt.script)
			if diff := cmp.Diff(tt.want, d.said); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if d.q.counts.suppressed != tt.suppressed || d.q.counts.done != uint64(len(tt.want)) || !d.q.empty() {
				t.Errorf("counts %+v, want %d suppressed; empty %v", d.q.counts, tt.suppressed, d.q.empty())
			}
		})
	}
	rows.Covers(t, "5882-3.1-01")
}

// Whoever has long been stable is not remembered.
func TestDamperForgets(t *testing.T) {
	d := newDesk(t, "{on: [up, down], run: [/bin/true]}")
	for peer := range 100 {
		d.play(t, fmt.Sprintf("0 down %d\n0 up %d", peer+1, peer+1))
	}
	d.play(t, "1000 down 200")
	if n := len(d.q.damper.sessions); n != 1 {
		t.Errorf("%d sessions are remembered", n)
	}
}

func TestRate(t *testing.T) {
	d := newDesk(t, "{on: up, run: [/bin/true], rate: 2/s}")
	d.play(t, "0 up 1\n0 up 2\n0 up 3\n0 up 4\n10 up 5\n10 up 6\n10.2 up 7\n20 nothing 0")
	want := []string{"0s up 1", "0s up 2", "500ms up 3", "1s up 4", "10s up 5", "10s up 6", "10.5s up 7"}
	if diff := cmp.Diff(want, d.said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A peer's events run one after the other, in order; others do not wait for it, and
// no more run than may.
func TestOrderAndConcurrency(t *testing.T) {
	d := newDesk(t, "{on: [up, down], run: [/bin/true], concurrency: 2, dampening: off}")
	d.slow = true
	end := func(i int) {
		d.q.ended(d.open[i], result{err: errors.New("no"), timedOut: i == 0}, d.now)
		d.until(d.now)
	}
	d.play(t, "0 down 1\n0 up 1\n0 down 1\n0 down 2\n0 down 3")
	end(1) // of 2: 3 may run
	end(0) // of 1: its next
	end(2)
	end(3)
	want := []string{"0s down 1", "0s down 2", "0s down 3", "0s up 1", "0s down 1"}
	if diff := cmp.Diff(want, d.said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := d.q.counts; c.failed != 4 || c.timedOut != 1 || d.q.last.why != "no" {
		t.Errorf("counts %+v, last %+v", c, d.q.last)
	}
	end(4)
	if !d.q.empty() {
		t.Error("not empty")
	}
}

// Memory is bounded: what is over gives way to what is, and else nothing is added.
func TestFlood(t *testing.T) {
	d := newDesk(t, "{on: [up, down], run: [/bin/true], concurrency: 1, dampening: off}")
	d.slow = true
	d.play(t, "0 down 9999")
	for i := range maxWaiting {
		d.q.add(event("down", i+1), d.now)
	}
	d.q.add(event("down", 8888), d.now) // another peer
	d.q.add(event("up", 5), d.now)
	if d.q.counts.dropped != 2 || len(d.q.waiting) != maxWaiting {
		t.Fatalf("%d dropped, %d wait", d.q.counts.dropped, len(d.q.waiting))
	}
	var five []string
	for _, j := range d.q.waiting {
		if j.ev.discr() == 5 {
			five = append(five, j.word)
		}
	}
	if diff := cmp.Diff([]string{"up"}, five); diff != "" {
		t.Errorf("of peer 5 (-want +got):\n%s", diff)
	}
}

func TestFilters(t *testing.T) {
	d := newDesk(t, "{on: up, run: [/bin/true], peer: [192.0.2.1, 192.0.2.2], interface: eth0, profile: fast}")
	other := event("up", 2)
	other.Profile = "slow"
	d.q.add(other, d.now)
	d.play(t, "0 up 1\n0 up 3\n0 up 0\n0 up 2")
	if diff := cmp.Diff([]string{"0s up 1", "0s up 2"}, d.said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
