package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
)

// TestReload adds, changes and removes sessions of a running daemon.
func TestReload(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	start(t, b, pair(b, a))
	whole := pair(a, b)
	first := strings.Join(strings.SplitAfter(whole, "\n")[:5], "") // without the two IPv6 sessions
	d := start(t, a, first)
	before := d.waitState(t, b.v4, "up")
	settled(t, d, b)

	for _, step := range []struct {
		name, config string
		want         control.ReloadReport
	}{
		{"nothing", first, control.ReloadReport{Unchanged: 1}},
		{"two more", whole, control.ReloadReport{Added: 2, Unchanged: 1}},
		{"another multiplier for all", withMultiplier(whole, mult+1), control.ReloadReport{Changed: 3}},
		{"back, and one less", withMultiplier(first, mult+2), control.ReloadReport{Removed: 2, Changed: 1}},
		{"what waits", first + "workers: {count: 2}\n", control.ReloadReport{Changed: 1, RestartNeeded: []string{"workers"}}},
	} {
		d.write(t, step.config)
		got, err := d.client.Reload(t.Context())
		must(t, err)
		step.want.Warnings = []string{}
		if step.want.RestartNeeded == nil {
			step.want.RestartNeeded = []string{}
		}
		if n := len(got.Changes); n != got.Added+got.Removed+got.Changed {
			t.Errorf("%s: names %d sessions", step.name, n)
		}
		got.Changes, got.Settings = nil, nil
		if diff := cmp.Diff(step.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: report (-want +got):\n%s", step.name, diff)
		}
		d.waitUp(t)
	}
	after := d.session(t, b.v4)
	if after.Counters.Down != 0 || after.LocalDiscriminator != before.LocalDiscriminator {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if list := d.sessions(t); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}
	if w := d.status(t).Warnings; len(w) != 1 || !strings.Contains(w[0], "workers") {
		t.Errorf("status warns %q", w)
	}
	rows.Covers(t, "5880-6.8.12-01", "5880-6.8.16-06")
}

// TestReloadRefused gives a running daemon files that are wrong at one place
// and change something elsewhere: nothing of them is taken.
func TestReloadRefused(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	start(t, b, pair(b, a))
	good := pair(a, b)
	d := start(t, a, good)
	d.waitUp(t)
	settled(t, d, b)
	before := d.sessions(t)
	for _, bad := range []string{
		"  - {peer: 192.0.2.9, multiplier: 3}\n",
		"  - {peer: 192.0.2.9, detect-multiplier: 0}\n",
		"  - {peer: 192.0.2.9, transmit-interval: 0}\n",
		fmt.Sprintf("  - {peer: %s, local-address: %s, interface: a}\n", b.v4, a.v4),
		"}",
	} {
		err := d.reload(t, withMultiplier(good, mult+3)+bad)
		if err == nil || !strings.Contains(err.Error(), "xbfd.yaml:") {
			t.Errorf("reload with %q: %v", bad, err)
		}
	}
	after := d.sessions(t)
	for i := range after {
		unmoved(t, before[i], after[i])
	}
	d.log.wrote(t, 5, `level=ERROR msg="reload refused`)
	must(t, d.reload(t, good))
	if e := d.status(t).LastReload.Error; e != "" {
		t.Errorf("status shows %q", e)
	}
}

// TestManyReloads changes the timers of sessions twenty times while they run.
func TestManyReloads(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	other := start(t, b, pair(b, a))
	d := start(t, a, pair(a, b))
	d.waitUp(t)
	intervals := []string{"50ms", "100ms", "60ms", "20ms", "80ms"}
	for i := range 20 {
		must(t, d.reload(t, strings.ReplaceAll(pair(a, b), "50ms", intervals[i%len(intervals)])))
		if i%4 == 3 { // in between, one change follows another before its Poll has ended
			settled(t, d, b)
		}
	}
	settled(t, d, b)
	for _, s := range slices.Concat(d.sessions(t), other.sessions(t)) {
		if s.State != "up" || s.Counters.Up != 1 || s.Counters.Down != 0 {
			t.Errorf("session with %s: %+v", s.Peer, s.Counters)
		}
	}
	if s := d.session(t, b.v4); s.NegotiatedTx != 80_000 || s.DetectionTime != mult*80_000 {
		t.Errorf("at the end: %+v", s)
	}
	rows.Covers(t, "5880-6.8.3-14", "5880-6.8.3-12", "5880-6.8.10-01", "5880-6.8.11-01")
}
