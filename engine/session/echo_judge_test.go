package session_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestEchoJudgement: only one of those that are out, in time, once, proves
// anything.
func TestEchoJudgement(t *testing.T) {
	const interval = 50 * ms
	for _, c := range []struct {
		name string
		seq  uint32 // behind the latest
		age  int64
		want packet.Drop
	}{
		{"fresh", 0, ms, packet.DropNone},
		{"the one before", 1, 60 * ms, packet.DropNone},
		{"at the end of the Detection Time", 0, 150 * ms, packet.DropNone},
		{"after it", 0, 150*ms + 1, packet.DropEchoStale},
		{"sent later than it arrived", 0, -1, packet.DropEchoStale},
		{"older than one that came back", 3, ms, packet.DropEchoReplayed},
		{"came back before", 2, ms, packet.DropEchoReplayed},
		{"never sent", 1<<32 - 1, ms, packet.DropEchoStale},
		{"of another run", 1 << 20, ms, packet.DropEchoStale},
	} {
		r := provenEcho(t, interval, 3) // two are out: 0 and 1 behind the latest
		r.lose(2)
		for len(r.out) < 2 {
			r.wait(ms)
		}
		before := r.e
		d, first := r.e.Return(r.now, r.e.Seq()-c.seq, r.now-session.Time(c.age))
		if d != c.want || first {
			t.Errorf("%s: %v, first %v; want %v", c.name, d, first, c.want)
		}
		if d != packet.DropNone && r.e != before {
			t.Errorf("%s: something was noted", c.name)
		}
		if d == packet.DropNone {
			if again, _ := r.e.Return(r.now, r.e.Seq()-c.seq, r.now-session.Time(c.age)); again == packet.DropNone {
				t.Errorf("%s: accepted twice", c.name)
			}
		}
	}
	var stopped session.Echo
	if d, _ := stopped.Return(1, 0, 0); d != packet.DropEchoStale {
		t.Errorf("while stopped: %v", d)
	}
	rows.Covers(t, "5880-5-02", "5880-6.8.8-01")
}

// TestEchoNumbersWrap: nothing happens where the numbers begin again.
func TestEchoNumbersWrap(t *testing.T) {
	r := &echoRig{t: t, rng: rand.NewPCG(1, 2331414), now: 1, rtt: 30 * ms, failed: session.Never}
	r.lost = func() bool { return len(r.out)%3 == 0 }
	r.run(20*ms, 3)
	if seq := r.e.Seq(); seq < 1<<32-256 {
		t.Fatalf("starts at %#x: find another seed", seq)
	}
	r.wait(10 * sec)
	if r.failed != session.Never || r.e.Seq() > 1000 || r.e.Returned < 300 {
		t.Errorf("at number %#x: failed at %d, %d of %d came back", r.e.Seq(), r.failed, r.e.Returned, r.e.Sent)
	}
}

// TestEchoStartsAnew: after a stop the peer has to prove itself again, and what
// is still under way from before proves nothing.
func TestEchoStartsAnew(t *testing.T) {
	r := provenEcho(t, 50*ms, 3)
	r.rtt = 40 * ms
	r.wait(45 * ms)
	old := r.out[len(r.out)-1]
	r.run(0, 0)
	if r.e.Running() || r.e.Deadline() != session.Never {
		t.Fatalf("stopped: running %v, deadline %d", r.e.Running(), r.e.Deadline())
	}
	r.way = nil
	r.run(50*ms, 3)
	// The peer's Required Min Echo RX holds over the stop.
	if due := r.e.Deadline(); r.e.Proven() || due < old.sent+session.Time(37*ms) || due > old.sent+session.Time(50*ms) {
		t.Errorf("started again: proven %v, first packet %d ns after the last", r.e.Proven(), due-old.sent)
	}
	if d, _ := r.e.Return(r.now, old.seq, old.sent); d != packet.DropEchoStale {
		t.Errorf("a packet of the run before: %v", d)
	}
	r.step()
	if d, _ := r.e.Return(r.now, r.e.Seq()-1, r.now); d == packet.DropNone {
		t.Error("a number from before the first of this run is taken")
	}
	r.lose(1 << 30)
	r.wait(10 * sec)
	if r.failed != session.Never {
		t.Error("failed before one came back")
	}
	rows.Covers(t, "5880-6.8.13-01", "5880-6.8.8-02")
}

// TestRTT: count, extremes, mean and the bucket of each value.
func TestRTT(t *testing.T) {
	r := newEchoRig(t, 20*ms, 3)
	for _, rtt := range []int64{10 * us, 100 * us, 100 * us, 30 * ms} {
		r.rtt = rtt
		n := len(r.out)
		for len(r.out) == n {
			r.wait(ms)
		}
	}
	r.lose(1 << 30)
	r.wait(35 * ms)
	want := session.RTT{Count: 4, Last: 30 * ms, Min: 10 * us, Max: 30 * ms, Sum: 30*ms + 210*us}
	want.Buckets[0], want.Buckets[3], want.Buckets[11] = 1, 2, 1
	if diff := cmp.Diff(want, r.e.RTT); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.e.RTT.Mean(); got != want.Sum/4 {
		t.Errorf("mean %d", got)
	}
	if (&session.RTT{}).Mean() != 0 || session.RTTBucketEnd(0) != 1<<14 || session.RTTBucketEnd(14) != 1<<28 || session.RTTBucketEnd(15) != 0 {
		t.Error("the buckets' ends or the mean of nothing are wrong")
	}
	rows.Covers(t, "5880-6.8.8-01")
}
