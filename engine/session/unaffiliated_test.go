package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// selfRig is an unaffiliated session whose packets come back after 2 ms for as
// long as forward says.
func selfRig(t testing.TB, interval int64, mult uint8) (r *rig, forward *bool) {
	p := params(interval, mult)
	p.Kind = session.Unaffiliated
	r, forward = newRig(t, p), new(bool)
	*forward = true
	r.wire = func(c packet.Control) {
		if *forward {
			r.at(r.now+session.Time(2*ms), func() { r.hear(c) })
		}
	}
	return r, forward
}

// TestUnaffiliatedComesUp: by its own packets through Down, Init and Up, with
// fields that say nothing.
func TestUnaffiliatedComesUp(t *testing.T) {
	r, _ := selfRig(t, 50*ms, 3)
	r.wait(sec)
	start := r.sent[0].at
	want := []move{{packet.Init, 0, start + session.Time(2*ms)}, {packet.Up, 0, start + session.Time(4*ms)}}
	if diff := cmp.Diff(want, r.moves); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, f := range r.sent {
		want := packet.Control{
			State: f.State, DetectMult: 3, Length: packet.ControlLen,
			MyDiscr: localDiscr, YourDiscr: localDiscr, DesiredMinTx: 1_000_000, RequiredMinRx: 1_000_000,
		}
		if i == 0 {
			want.YourDiscr = 0
		}
		if diff := cmp.Diff(want, f.Control); diff != "" {
			t.Fatalf("packet %d (-want +got):\n%s", i, diff)
		}
	}
	r.clear()
	r.wait(20 * sec)
	r.wantState("looped", packet.Up)
	r.wantGaps("while Up", 50*ms, 20*19)
	rows.Covers(t, "9747-2-01", "9747-2-07", "9747-2-09", "9747-2-10", "9747-2-11", "9747-2-13", "9747-3-01")
}

// TestUnaffiliatedFails: Down with diagnostic 2 after our own multiplier times our
// own interval, and then slow.
func TestUnaffiliatedFails(t *testing.T) {
	for _, mult := range []uint8{1, 3, 255} {
		r, forward := selfRig(t, 50*ms, mult)
		r.wait(sec)
		if r.s.State() != packet.Up || r.s.DetectionTime() != int64(mult)*50*ms {
			t.Fatalf("multiplier %d: %v, detection %s", mult, r.s.State(), span(r.s.DetectionTime()))
		}
		*forward = false
		r.wait(5 * ms)
		r.clear()
		last := r.s.LastRx()
		r.wait(int64(mult)*50*ms + 20*sec)
		want := []move{{packet.Down, packet.DiagEchoFailed, last + session.Time(int64(mult)*50*ms)}}
		if diff := cmp.Diff(want, r.moves); diff != "" {
			t.Errorf("multiplier %d (-want +got):\n%s", mult, diff)
		}
		for len(r.sent) > 0 && r.sent[0].State == packet.Up {
			r.sent = r.sent[1:]
		}
		if f := r.sent[0]; f.YourDiscr != 0 || f.Diag != packet.DiagEchoFailed {
			t.Errorf("multiplier %d: sent %+v", mult, f)
		}
		r.wantGaps("while Down", sec, 18)
		*forward = true
		r.wait(2 * sec)
		if r.s.State() != packet.Up {
			t.Errorf("multiplier %d: %v once forwarded again", mult, r.s.State())
		}
	}
	rows.Covers(t, "9747-2-12", "9747-2-11")
}

// TestUnaffiliatedIgnoresFields: what comes back changed in its intervals, its
// multiplier or P changes nothing.
func TestUnaffiliatedIgnoresFields(t *testing.T) {
	r, _ := selfRig(t, 50*ms, 3)
	loop := r.wire
	r.wire = func(c packet.Control) {
		c.DesiredMinTx, c.RequiredMinRx, c.RequiredMinEchoRx, c.DetectMult = 7_000_000, 0, 9_000_000, 200
		c.Poll, c.Demand = true, true
		loop(c)
	}
	r.wait(sec)
	r.clear()
	r.wait(10 * sec)
	r.wantState("with other fields", packet.Up)
	r.wantGaps("with other fields", 50*ms, 190)
	if r.s.DetectionTime() != 150*ms || len(r.finals()) != 0 || r.s.EchoInterval() != 0 {
		t.Errorf("detection %s, %d Finals", span(r.s.DetectionTime()), len(r.finals()))
	}
	rows.Covers(t, "9747-2-08", "9747-2-09")
}

// TestUnaffiliatedRetimed: nobody has to agree, so there is no Poll.
func TestUnaffiliatedRetimed(t *testing.T) {
	r, _ := selfRig(t, 50*ms, 3)
	r.wait(sec)
	p := r.s.Params()
	p.DesiredMinTx, p.DetectMult = 200_000, 5
	r.configure(p)
	if r.s.DetectionTime() != sec {
		t.Errorf("detection %s, want 1 s", span(r.s.DetectionTime()))
	}
	r.clear()
	r.wait(20 * sec)
	r.wantGaps("slower", 200*ms, 90)
	p.DesiredMinTx = 20_000
	r.configure(p)
	r.clear()
	r.wait(20 * sec)
	r.wantGaps("faster", 20*ms, 900)
	for _, f := range r.sent {
		if f.Poll {
			t.Fatalf("a Poll that nobody can answer: %+v", f)
		}
	}
	r.wantState("retimed", packet.Up)
	rows.Covers(t, "9747-2-10")
}

// TestUnaffiliatedDisabled: AdminDown is not used: the session is Down and says
// nothing, whatever still comes back.
func TestUnaffiliatedDisabled(t *testing.T) {
	for _, diag := range []packet.Diag{packet.DiagAdminDown, packet.DiagPathDown} {
		r, _ := selfRig(t, 50*ms, 3)
		r.wait(sec)
		r.clear()
		r.admin(true, diag)
		if diff := cmp.Diff([]move{{packet.Down, diag, r.now}}, r.moves); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r.wait(30 * sec)
		if len(r.sent) != 0 || r.s.State() != packet.Down {
			t.Errorf("disabled: %v, sent %+v", r.s.State(), r.sent)
		}
		r.admin(false, diag)
		r.wait(2 * sec)
		if r.s.State() != packet.Up {
			t.Errorf("enabled: %v", r.s.State())
		}
	}
	p := params(50*ms, 3)
	p.Kind, p.AdminDown = session.Unaffiliated, true
	r := newRig(t, p)
	r.wait(30 * sec)
	if len(r.sent) != 0 || r.s.State() != packet.Down || r.s.Diag() != packet.DiagAdminDown {
		t.Errorf("made disabled: %v/%v, %d packets", r.s.State(), r.s.Diag(), len(r.sent))
	}
	rows.Covers(t, "9747-2-01")
}
