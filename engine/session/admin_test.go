package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestDisable: AdminDown goes out at once with the diagnostic that fits, from
// any state, and goes on going out for as long as the session is held.
func TestDisable(t *testing.T) {
	for _, from := range []packet.State{packet.Down, packet.Init, packet.Up} {
		for _, diag := range []packet.Diag{packet.DiagAdminDown, packet.DiagPathDown} {
			r := inState(t, from, true)
			r.admin(true, diag)
			want := []move{{packet.AdminDown, diag, r.now}}
			if d := cmp.Diff(want, r.moves); d != "" {
				t.Errorf("disabled in %v (-want +got):\n%s", from, d)
			}
			if f := r.last(); f.at != r.now || f.State != packet.AdminDown || f.Diag != diag || f.DesiredMinTx != 1_000_000 {
				t.Errorf("disabled in %v: sent %+v, want AdminDown/%v at once", from, f, diag)
			}
			r.clear()
			r.wait(60 * sec)
			r.wantGaps("held", sec, 58)
			r.wantState("held", packet.AdminDown)
			for _, f := range r.sent {
				if f.State != packet.AdminDown || f.Diag != diag {
					t.Fatalf("held: sent %+v", f)
				}
			}
			r.clear()
			r.admin(true, packet.DiagAdminDown)
			if r.wantState("disabled again", packet.AdminDown); r.s.Diag() != diag || len(r.sent) != 0 {
				t.Errorf("disabled again: diagnostic %v, sent %+v; want nothing new", r.s.Diag(), r.sent)
			}
		}
	}
	rows.Covers(t, "5880-6.8.16-01", "5880-6.8.16-03", "5880-6.8.16-04", "5880-6.8.7-01", "5880-6.8.3-05")
}

// TestDisableByConfiguration is the same by another door.
func TestDisableByConfiguration(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	p := r.s.Params()
	p.AdminDown = true
	r.configure(p)
	r.wait(ms)
	p.AdminDown = false
	r.configure(p)
	want := []move{
		{packet.AdminDown, packet.DiagAdminDown, r.now - session.Time(ms)},
		{packet.Down, packet.DiagAdminDown, r.now},
	}
	if d := cmp.Diff(want, r.moves); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r = newRig(t, session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3, AdminDown: true})
	r.wait(10 * sec)
	for _, f := range r.sent {
		if f.State != packet.AdminDown || f.Diag != packet.DiagAdminDown {
			t.Fatalf("made disabled: sent %+v", f)
		}
	}
	r.wantGaps("made disabled", sec, 9)
	rows.Covers(t, "5880-6.8.16-01", "5880-6.8.16-02", "5880-FSM-17")
}

// TestHeldAdminDown: what arrives is noted, but moves nothing, is not answered,
// and keeps the peer known.
func TestHeldAdminDown(t *testing.T) {
	r := inState(t, packet.AdminDown, false)
	r.tester.RequiredMinRx = 2_000_000
	for i := range 40 {
		r.tester.MyDiscr = testerDiscr + uint32(i/10)
		r.tester.Poll = i%2 == 0
		r.say([]packet.State{packet.Down, packet.Init, packet.Up, packet.AdminDown}[i%4])
		r.wait(120 * ms)
	}
	r.tester.DesiredMinTx = 1_000_000
	r.say(packet.Down)
	r.tester.Poll = false
	r.talk(sec)
	r.wait(40 * sec)
	r.wantState("hearing everything", packet.AdminDown)
	if n := len(r.finals()); n != 0 {
		t.Errorf("%d Finals while AdminDown", n)
	}
	r.wantGaps("at the peer's rate", 2*sec, 18)
	for i, f := range r.sent {
		if f.YourDiscr == 0 || f.State != packet.AdminDown || f.Diag != packet.DiagAdminDown {
			t.Fatalf("packet %d: %+v", i, f)
		}
	}
	if f := r.last(); f.YourDiscr != testerDiscr+3 {
		t.Errorf("Your Discriminator %#x, want the peer's last", f.YourDiscr)
	}
	rows.Covers(t, "5880-FSM-16", "5880-6.8.6-25", "5880-6.8.7-12")
}

// TestEnable: to Down, never further, the diagnostic as it was.
func TestEnable(t *testing.T) {
	for _, says := range []packet.State{packet.AdminDown, packet.Down, packet.Init, packet.Up} {
		r := inState(t, packet.AdminDown, false)
		r.say(says)
		r.clear()
		r.admin(false, packet.DiagNone)
		want := []move{{packet.Down, packet.DiagAdminDown, r.now}}
		if d := cmp.Diff(want, r.moves); d != "" {
			t.Errorf("enabled while the peer says %v (-want +got):\n%s", says, d)
		}
		if f := r.last(); f.at != r.now || f.State != packet.Down || f.Diag != packet.DiagAdminDown || f.YourDiscr != testerDiscr {
			t.Errorf("enabled while the peer says %v: sent %+v, want Down/7 at once", says, f)
		}
		r.up(50 * ms)
		r.wait(sec)
		if f := r.last(); f.State != packet.Up || f.Diag != packet.DiagAdminDown {
			t.Errorf("up again: sent %+v", f)
		}
	}
	rows.Covers(t, "5880-6.8.16-02", "5880-FSM-17")
}

// TestPeerDisabledAndEnabled: Down/3 with the cause readable, then the ordinary
// way up.
func TestPeerDisabledAndEnabled(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	r.tester.Diag = packet.DiagAdminDown
	r.tester.DesiredMinTx = 1_000_000
	r.say(packet.AdminDown)
	want := []move{{packet.Down, packet.DiagNeighborDown, r.now}}
	if d := cmp.Diff(want, r.moves); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	rem := r.s.Remote()
	if rem.State != packet.AdminDown || rem.Diag != packet.DiagAdminDown {
		t.Errorf("the peer's word is %v/%v, want admin-down twice", rem.State, rem.Diag)
	}
	r.silence()
	r.talk(sec)
	r.clear()
	r.wait(20 * sec)
	r.wantState("peer disabled", packet.Down)
	r.wantGaps("peer disabled", sec, 18)
	r.say(packet.Down)
	r.say(packet.Init)
	if r.s.State() != packet.Up || r.s.Diag() != packet.DiagNeighborDown {
		t.Errorf("peer enabled: %v/%v", r.s.State(), r.s.Diag())
	}
	rows.Covers(t, "5880-FSM-09", "5880-FSM-01", "5880-6.8.1-16", "5880-6.8.6-18")
}
