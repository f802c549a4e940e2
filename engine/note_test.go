package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

func (r *rig) notes() []Note {
	notes, _ := r.e.TakeNotes(nil)
	return notes
}

// A near miss is a packet but for which the session would have failed. Each counts;
// once a second one is told.
func TestNearMiss(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	r.notes()
	told := 0
	for i := range 10 {
		r.now += 50 * ms
		r.hear(0, r.rx(1, control(1, packet.Up, d)))
		r.now += 130 * ms
		r.hear(0, r.rx(1, control(1, packet.Up, d)))
		st := r.status(d)
		if st.State != packet.Up || st.Margin.NearMisses != uint32(i+1) || st.Margin.Least != int64(20*ms) {
			t.Fatalf("after %d: %v, %+v", i+1, st.State, st.Margin)
		}
		for _, n := range r.notes() {
			want := Note{Kind: NearMiss, At: r.now, Count: uint64(i + 1), Discr: d, Gap: int64(130 * ms), DetectionTime: int64(150 * ms)}
			if n.Kind != NearMiss {
				continue // the test steps only when something comes
			}
			if diff := cmp.Diff(want, n); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			told++
		}
	}
	if told < 2 || told > 3 {
		t.Errorf("told %d times in 1.8 s", told)
	}
}

// What the XDP program hears counts like what comes by the ring.
func TestNearMissHeard(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	before := b.status(b.discr)
	if before.Heard != HeardActive || before.Margin.NearMisses != 0 {
		t.Fatalf("%v, %+v", before.Heard, before.Margin)
	}
	b.quiet = true
	b.let(90 * ms)
	b.quiet = false
	b.let(100 * ms)
	st := b.status(b.discr)
	if st.State != packet.Up || st.Margin.NearMisses != 1 || st.Counters.Rx != before.Counters.Rx {
		t.Errorf("%v, %+v, %d packets by the ring", st.State, st.Margin, st.Counters.Rx-before.Counters.Rx)
	}
	if notes := b.notes(); len(notes) != 1 || notes[0].Kind != NearMiss || notes[0].Discr != b.discr || notes[0].Gap != st.Margin.LongestRx {
		t.Errorf("%+v, margin %+v", notes, st.Margin)
	}
	b.let(10 * sec)
	if st := b.status(b.discr); st.Margin.NearMisses != 1 {
		t.Errorf("%d near misses, of which one was none", st.Margin.NearMisses)
	}
}

// A margin is measured by the Detection Time that was in force.
func TestMarginOfItsTime(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	p := p50
	p.RequiredMinRx, p.DetectMult = 500_000, 3
	b.peer.DesiredMinTx = 500_000
	if err := b.e.Configure(b.discr, p); err != nil {
		t.Fatal(err)
	}
	b.let(10 * sec)
	slow := b.status(b.discr)
	b.peer.DesiredMinTx = 50_000
	if err := b.e.Configure(b.discr, p50); err != nil {
		t.Fatal(err)
	}
	b.let(10 * sec)
	st := b.status(b.discr)
	if st.State != packet.Up || st.Counters.Down != 0 || st.Margin.NearMisses != 0 || st.Margin.Least < int64(100*ms) {
		t.Errorf("%v, %d times down, %+v after %+v", st.State, st.Counters.Down, st.Margin, slow.Margin)
	}
}

// A stall is told at once, those of the next second together.
func TestStallIsTold(t *testing.T) {
	r := newRig(t, 1)
	r.add(p50, 1)
	r.run(sec)
	r.notes()
	stall := func(d session.Time) {
		r.e.workers[0].promised = r.now
		r.now += d
		r.step()
	}
	stall(4 * ms)
	stall(20 * ms)
	first := r.notes()
	stall(7 * ms)
	stall(30 * ms)
	stall(6 * ms)
	if n := r.notes(); len(n) != 0 {
		t.Errorf("told at once: %+v", n)
	}
	r.run(2 * sec)
	want := []Note{{Kind: Stall, Late: int64(20 * ms), Count: 2}, {Kind: Stall, Late: int64(30 * ms), Count: 5}}
	got := append(first, r.notes()...)
	for i := range got {
		got[i].At = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nobody reads: so many wait, the others are counted, and telling costs nothing.
func TestNotesAreBounded(t *testing.T) {
	r := newRig(t, 1)
	w := r.e.workers[0]
	w.out.tell(Note{})
	w.out.publish()
	n := testing.AllocsPerRun(1000, func() { w.out.tell(Note{}); w.out.publish() })
	if n != 0 || len(w.out.notes) != maxNotes {
		t.Errorf("%v allocations, %d notes wait", n, len(w.out.notes))
	}
	got, unsaid := r.e.TakeNotes(nil)
	r.step()
	more, unsaidToo := r.e.TakeNotes(nil)
	if all := uint64(len(got)+len(more)) + unsaid + unsaidToo; all != 1002 || len(got)+len(more) != maxNotes+1 {
		t.Errorf("%d and %d notes, %d unsaid", len(got), len(more), unsaid+unsaidToo)
	}
}
