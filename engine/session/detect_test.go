package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestDetectionTime: the peer's multiplier times the greater of our Required
// Min RX and the Desired Min TX it advertises, whatever else either end says or does.
func TestDetectionTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		rx       int64 // ours
		tx       int64 // the peer's, as advertised
		mult     uint8 // the peer's
		interval int64 // at which it really sends
		want     int64
	}{
		{"equal", 50 * ms, 50 * ms, 3, 50 * ms, 150 * ms},
		{"our rx is greater", 150 * ms, 50 * ms, 3, 120 * ms, 450 * ms},
		{"its tx is greater", 50 * ms, 500 * ms, 3, 400 * ms, 1500 * ms},
		{"its real spacing does not count", 50 * ms, 1000 * ms, 3, 50 * ms, 3000 * ms},
		{"nor a spacing slower than it said", 50 * ms, 50 * ms, 3, 149 * ms, 150 * ms},
		{"multiplier 1", 100 * ms, 100 * ms, 1, 90 * ms, 100 * ms},
		{"multiplier 255", 10 * ms, 10 * ms, 255, 10 * ms, 2550 * ms},
		{"3.3 ms", 3300 * us, 3300 * us, 3, 3300 * us, 9900 * us},
		{"our rx is 1 µs", us, 50 * ms, 3, 50 * ms, 150 * ms},
		{"the reserved tx of 0", 50 * ms, 0, 3, 50 * ms, 150 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, session.Params{DesiredMinTx: 70_000, RequiredMinRx: micros(c.rx), DetectMult: 7})
			r.tester.RequiredMinRx = 1
			r.tester.DetectMult, r.tester.DesiredMinTx = c.mult, micros(c.tx)
			r.up(c.interval)
			r.wait(10 * sec)
			r.wantState("hearing the peer", packet.Up)
			if got := r.s.DetectionTime(); got != c.want {
				t.Errorf("DetectionTime() = %s, want %s", span(got), span(c.want))
			}
			if got := r.s.PeerDetectionTime(); got != 7*70*ms {
				t.Errorf("PeerDetectionTime() = %s, want 490ms", span(got))
			}
			r.wantDown(c.name, c.want)
			if f := r.last(); f.State != packet.Down || f.Diag != packet.DiagControlExpiry || f.YourDiscr != 0 || f.at != r.now {
				t.Errorf("first packet after the failure: %+v, want Down/1 to nobody, now", f)
			}
		})
	}
	rows.Covers(t, "5880-6.8.4-01", "5880-6.8.4-02", "5880-6.8.4-03", "5880-FSM-14", "5880-6.8.1-02", "5880-6.8.7-01")
}

// TestExpiryInEveryState: Init and Up go Down with diagnostic 1; Down and
// AdminDown stay as they are; the peer is forgotten by all at the first expiry.
func TestExpiryInEveryState(t *testing.T) {
	for _, c := range []struct {
		local packet.State
		says  packet.State // that keeps it there
		after packet.State
		diag  packet.Diag
	}{
		{packet.AdminDown, packet.Down, packet.AdminDown, packet.DiagAdminDown},
		{packet.Down, packet.Up, packet.Down, packet.DiagNone},
		{packet.Init, packet.Down, packet.Down, packet.DiagControlExpiry},
		{packet.Up, packet.Up, packet.Down, packet.DiagControlExpiry},
	} {
		t.Run(c.local.String(), func(t *testing.T) {
			r := inState(t, c.local, false)
			r.tester.DesiredMinTx = 1_000_000 // so that Init lasts 3 s
			r.tester.RequiredMinRx, r.tester.Demand = 5_000_000, true
			r.say(c.says)
			r.clear()
			moved := c.after != c.local

			r.wait(3*sec - 1)
			r.wantState("before the Detection Time", c.local)
			if r.s.Remote().Discr != testerDiscr {
				t.Errorf("peer forgotten early")
			}
			r.wait(1)
			if r.s.State() != c.after || r.s.Diag() != c.diag || (len(r.moves) == 1) != moved {
				t.Errorf("at the Detection Time: %v/%v by %+v, want %v/%v", r.s.State(), r.s.Diag(), r.moves, c.after, c.diag)
			}
			if rem := r.s.Remote(); rem.Discr != 0 || rem.RequiredMinRx != 1 || rem.State != packet.Down || rem.Demand {
				t.Errorf("peer not forgotten: %+v", rem)
			}
			if f := r.last(); f.at != r.now || f.YourDiscr != 0 || f.State != c.after || f.Diag != c.diag {
				t.Errorf("packet at the Detection Time: %+v", f)
			}
			r.clear()
			r.wait(20 * sec) // at its own rate again, not the peer's five seconds
			r.wantGaps("forgotten peer", sec, 18)
			r.wantState("forgotten peer", c.after)
		})
	}
	rows.Covers(t, "5880-FSM-13", "5880-FSM-14", "5880-FSM-15", "5880-6.8.1-02", "5880-6.8.18-04", "5880-6.8.4-03")
}

// TestDiscriminatorKept: a session that goes Down while packets keep coming
// still knows its peer.
func TestDiscriminatorKept(t *testing.T) {
	for _, says := range []packet.State{packet.Down, packet.AdminDown} {
		r := upRig(t, 50*ms, 3)
		r.say(says)
		if f := r.last(); f.State != packet.Down || f.Diag != packet.DiagNeighborDown || f.YourDiscr != testerDiscr || f.at != r.now {
			t.Errorf("peer says %v: packet %+v, want Down/3 at once to the peer's discriminator", says, f)
		}
		if r.s.Remote().State != says {
			t.Errorf("peer says %v, remote state is %v", says, r.s.Remote().State)
		}
	}
	rows.Covers(t, "5880-6.8.1-03", "5880-FSM-09", "5880-FSM-10", "5880-6.8.7-01")
}

// TestStateKeptForADetectionTime: what a peer said on its way down governs for
// as long as it said, then its own rate returns.
func TestStateKeptForADetectionTime(t *testing.T) {
	for _, c := range []struct {
		downs int // packets with state Down: the second moves on to Init
		state packet.State
		diag  packet.Diag
	}{
		{1, packet.Down, packet.DiagNeighborDown},
		{2, packet.Init, packet.DiagControlExpiry},
	} {
		r := upRig(t, 50*ms, 3)
		r.silence()
		r.tester.DesiredMinTx, r.tester.RequiredMinRx = 10_000_000, 5_000_000
		for range c.downs {
			r.say(packet.Down)
		}
		if r.s.State() != c.state {
			t.Fatalf("after %d Downs: %v, want %v", c.downs, r.s.State(), c.state)
		}
		r.clear()
		r.sent = nil
		r.wait(30*sec - 1)
		r.wantState("within the Detection Time", c.state)
		r.wantGaps("within the Detection Time", 5*sec, 5)
		r.wait(1)
		if r.s.State() != packet.Down || r.s.Diag() != c.diag || r.s.Remote().Discr != 0 {
			t.Errorf("after it: %v/%v", r.s.State(), r.s.Diag())
		}
		r.clear()
		r.wait(20 * sec)
		r.wantGaps("after it", sec, 18)
	}
	rows.Covers(t, "5880-6.8.1-17", "5880-6.8.18-03", "5880-6.8.18-04")
}

// TestRateWhileDown: a peer that is Down governs our rate too.
func TestRateWhileDown(t *testing.T) {
	r := newRig(t, params(50*ms, 3))
	r.tester.DesiredMinTx, r.tester.RequiredMinRx = 1_000_000, 10_000_000
	r.say(packet.Up)
	r.talk(sec)
	r.clear()
	r.wait(200 * sec)
	r.wantGaps("peer asks for 10 s", 10*sec, 18)
	r.wantState("peer asks for 10 s", packet.Down)
	rows.Covers(t, "5880-6.8.18-03")
}

// TestNeverEarly: no failure while packets come closer together than the
// Detection Time, by however little.
func TestNeverEarly(t *testing.T) {
	for _, c := range []struct {
		name     string
		mult     uint8
		every    int64
		lasts    int64
		rowProof string
	}{
		{"0.95 of the Detection Time, 200 periods", 3, 285 * ms, 200 * 285 * ms, "5880-6.8.4-04"},
		{"a nanosecond less than it", 3, 300*ms - 1, 200 * 300 * ms, "5880-6.8.4-04"},
		{"exactly it", 3, 300 * ms, 200 * 300 * ms, "5880-6.8.4-04"},
		{"multiplier 1 at 0.9 of the interval, 10 minutes", 1, 90 * ms, 600 * sec, "5880-6.8.4-10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, params(100*ms, 3))
			r.tester.DetectMult = c.mult
			r.up(c.every)
			r.wait(c.lasts)
			r.wantState(c.name, packet.Up)
			r.wantDown("then silence", int64(c.mult)*100*ms)
			rows.Covers(t, c.rowProof)
		})
	}
}

// TestStall: packets that arrived in time but are read late were heard in time.
func TestStall(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	r.silence()
	heard := r.now
	r.now += session.Time(400 * ms) // nobody calls the session for longer than a Detection Time
	if out := r.s.Expire(r.now, false, r.rng); out != session.Send {
		t.Errorf("silence not yet proven: Expire returned %b, want the overdue packet only", out)
	}
	for at := heard; at < r.now; at += session.Time(20 * ms) {
		r.note(r.s.Receive(r.now, at, &r.tester, r.rng))
	}
	last := r.s.LastRx()
	if out := r.s.Expire(r.now, true, r.rng); out != 0 {
		t.Errorf("backlog read: Expire returned %b, want nothing to do", out)
	}
	r.wantState("backlog read", packet.Up)

	// A packet handed over late by another queue does not turn the clock back.
	r.note(r.s.Receive(r.now, last-session.Time(100*ms), &r.tester, r.rng))
	if r.s.LastRx() != last {
		t.Errorf("last arrival went from %d to %d", last, r.s.LastRx())
	}
	// The time runs from the arrival, not from the reading.
	r.wantDown("then silence", 150*ms)
	rows.Covers(t, "5880-6.8.4-05")
}

// TestBacklogThatStillIsTooOld: a stalled reader finds packets, but the last of
// them is older than a Detection Time.
func TestBacklogThatStillIsTooOld(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	r.silence()
	heard := r.now
	r.now += session.Time(400 * ms)
	r.note(r.s.Receive(r.now, heard+session.Time(20*ms), &r.tester, r.rng))
	r.clear()
	r.wait(0)
	want := []move{{packet.Down, packet.DiagControlExpiry, r.now}}
	if diff := cmp.Diff(want, r.moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

// TestLongestDetectionTime does not wrap: 12.7 days.
func TestLongestDetectionTime(t *testing.T) {
	r := upRig(t, 4294967295*us, 255)
	const want = 255 * 4294967295 * 1000
	if got := r.s.DetectionTime(); got != want {
		t.Errorf("DetectionTime() = %d, want %d", got, int64(want))
	}
	if got := r.s.PeerDetectionTime(); got != want {
		t.Errorf("PeerDetectionTime() = %d, want %d", got, int64(want))
	}
	r.wantDown("the longest silence", want)
	rows.Covers(t, "5880-6.8.3-15")
}
