package bpf

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// Without tc links a filter answers. It is noted before it is made and gone, with
// the clsact, when it is no longer needed: by another choice, and by Close.
func TestFilter(t *testing.T) {
	d := newFilterBed(t)
	p := d.attach()
	if d.there() != nil {
		t.Fatalf("there is %+v", d.there())
	}
	for _, end := range []func() error{
		func() error { return p.Insure(InsureTX) },
		p.Close,
	} {
		must(t, d.insure(p))
		must(t, d.insure(p)) // changes nothing
		if n := d.answers(50, 5*time.Second); n != 50 {
			t.Errorf("%d of 50 replies", n)
		}
		there := d.there()
		if len(there) != 2 || there[1].Priority != 1 || there[1].Handle != filterHandle || len(d.notes.list) != 2 {
			t.Errorf("there is %+v, noted %+v", there, d.notes.list)
		}
		if v, err := p.Verdicts(); err != nil || v["insured"] != v["pass_to_tc"] || v["insured"] == 0 {
			t.Errorf("verdicts %v, %v", v, err)
		}
		must(t, end())
		if d.there() != nil || len(d.notes.list) != 0 {
			t.Errorf("left: %+v, noted %+v", d.there(), d.notes.list)
		}
	}
}

// sharings are ways in which others use the same hook.
var sharings = []struct {
	name   string
	before func(d *filterBed) []func() error
	after  func(d *filterBed) func() error
	prio   uint16
	left   []RemainsKind
}{
	{
		name: "clsact",
		before: func(d *filterBed) []func() error {
			return []func() error{func() error { return netlink.QdiscAdd(clsact(d.ifindex)) }}
		},
		prio: 1, left: []RemainsKind{RemainsClsact},
	},
	{
		name: "filters before",
		before: func(d *filterBed) []func() error {
			return []func() error{
				func() error { return netlink.QdiscAdd(clsact(d.ifindex)) },
				d.other(1, netlink.HANDLE_MIN_INGRESS),
				d.other(3, netlink.HANDLE_MIN_INGRESS),
			}
		},
		prio: 2, left: []RemainsKind{RemainsClsact, RemainsFilter, RemainsFilter},
	},
	{
		name:  "a filter meanwhile",
		after: func(d *filterBed) func() error { return d.other(7, netlink.HANDLE_MIN_INGRESS) },
		prio:  1, left: []RemainsKind{RemainsClsact, RemainsFilter},
	},
	{
		name:  "a filter at egress meanwhile",
		after: func(d *filterBed) func() error { return d.other(7, netlink.HANDLE_MIN_EGRESS) },
		prio:  1, left: []RemainsKind{RemainsClsact},
	},
}

// What is another's stays as it is: a clsact that was there, a filter at the
// priority that would be ours, and a clsact that somebody has come to use.
func TestFilterLeavesOthers(t *testing.T) {
	for _, tt := range sharings {
		t.Run(tt.name, func(t *testing.T) {
			d := newFilterBed(t)
			if tt.before != nil {
				for _, do := range tt.before(d) {
					d.tc(do)
				}
			}
			p := d.attach()
			must(t, d.insure(p))
			if tt.after != nil {
				d.tc(tt.after(d))
			}
			i := slices.IndexFunc(d.there(), func(r Remains) bool { return r.Handle == filterHandle })
			if i < 0 || d.there()[i].Priority != tt.prio {
				t.Errorf("priority is not %d: %+v", tt.prio, d.there())
			}
			if n := d.answers(10, 5*time.Second); n != 10 {
				t.Errorf("%d of 10 replies", n)
			}
			must(t, p.Close())
			var left []RemainsKind
			for _, r := range d.there() {
				left = append(left, r.Kind)
			}
			if diff := cmp.Diff(tt.left, left); diff != "" || len(d.notes.list) != 0 {
				t.Errorf("noted %+v; left (-want +got):\n%s", d.notes.list, diff)
			}
		})
	}
}

// Nothing that outlives the process is made without a journal.
func TestFilterWithoutJournal(t *testing.T) {
	d := newFilterBed(t)
	p := d.attach()
	defer func() { must(t, p.Close()) }()
	if err := p.InsureByFilter(nil); !errors.Is(err, ErrNoInsurance) {
		t.Errorf("without a journal: %v", err)
	}
	d.notes.refuses = errors.New("disk is full")
	if err := d.insure(p); !errors.Is(err, ErrNoInsurance) || !errors.Is(err, d.notes.refuses) {
		t.Errorf("with one that cannot be written: %v", err)
	}
	if d.there() != nil || d.answers(3, 5*time.Millisecond) != 0 {
		t.Errorf("there is %+v", d.there())
	}
}

// Only what was noted is removed: not a filter of the same handle that runs
// another program, and nothing of an interface that has gone.
func TestRemainsRemove(t *testing.T) {
	d := newFilterBed(t)
	p := d.attach()
	must(t, d.insure(p))
	noted := slices.Clone(d.notes.list)
	other := noted[1]
	other.Program++
	check := func(what string, r Remains, want Removal) {
		t.Helper()
		must(t, d.a.Do(func() error {
			got, err := r.Remove()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
			return err
		}))
	}
	check("another program's filter", other, Absent)
	check("a clsact in use", noted[0], InUse)
	check("the filter", noted[1], Removed)
	check("once more", noted[1], Absent)
	check("the clsact", noted[0], Removed)
	check("once more", noted[0], Absent)
	must(t, p.Close())
	d.a.DelLink(t, "va")
	check("a clsact of no interface", noted[0], Absent)
	check("a filter of no interface", noted[1], Absent)
	if _, err := (Remains{Kind: "bpffs"}).Remove(); err == nil {
		t.Error("something unknown was removed")
	}
}

// A filter whose engine is dead answers for the dead-man's time and no longer,
// even when something marks frames for it as the XDP program did.
func TestFilterOfDead(t *testing.T) {
	d := newFilterBed(t)
	const patience = 400 * time.Millisecond
	p := d.attach()
	must(t, d.insure(p))
	noted := slices.Clone(d.notes.list)
	d.lanes.SetPatience(patience)
	p.tc.hook.(*hook).made = nil // as if it had not come to it
	began := time.Now()
	d.lanes.Beat(monotonic(t))
	must(t, p.Close())
	d.tc(func() error { return d.marks() })
	if n := d.answers(5, 50*time.Millisecond); n == 0 && time.Since(began) < patience {
		t.Error("does not answer: this test proves nothing")
	}
	time.Sleep(time.Until(began.Add(patience)))
	if n := d.answers(20, 2*time.Millisecond); n != 0 {
		t.Errorf("%d replies after the dead-man's time", n)
	}
	for _, r := range slices.Backward(noted) {
		must(t, d.a.Do(func() error { _, err := r.Remove(); return err }))
	}
	if d.there() != nil {
		t.Errorf("left: %+v", d.there())
	}
}
