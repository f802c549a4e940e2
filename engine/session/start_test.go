package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestFirstPacket: what a session says that has heard nothing, for intervals
// below and above the slow one.
func TestFirstPacket(t *testing.T) {
	for _, c := range []struct {
		name      string
		p         session.Params
		desiredTx uint32
	}{
		{"fast", params(50*ms, 3), 1_000_000},
		{"fastest", params(us, 1), 1_000_000},
		{"slow", params(10*sec, 255), 10_000_000},
		{"just above", params(sec+us, 3), 1_000_001},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.p)
			if diff := cmp.Diff(session.Remote{State: packet.Down, RequiredMinRx: 1}, r.s.Remote()); diff != "" {
				t.Errorf("remote side of a new session (-want +got):\n%s", diff)
			}
			interval := int64(c.desiredTx) * us
			r.wait(20 * interval)
			want := packet.Control{
				State: packet.Down, DetectMult: c.p.DetectMult, Length: packet.ControlLen, MyDiscr: localDiscr,
				DesiredMinTx: c.desiredTx, RequiredMinRx: c.p.RequiredMinRx,
			}
			for i, f := range r.sent {
				if f.Control != want {
					t.Fatalf("packet %d (-want +got):\n%s", i, cmp.Diff(want, f.Control))
				}
			}
			// The first is due at once but for rounding onto the grid of sends.
			if first := r.sent[0].at; first < 0 || first > session.Time(interval/16) {
				t.Errorf("first packet at %s", span(int64(first)))
			}
			r.wantGaps("unheard", interval, 20)
			r.wantState("unheard", packet.Down)
		})
	}
	rows.Covers(t, "5880-6.8.1-01", "5880-6.8.1-05", "5880-6.8.1-06", "5880-6.8.1-07", "5880-6.8.1-08", "5880-6.8.1-09",
		"5880-6.8.1-10", "5880-6.8.3-05", "5880-6.1-01", "5880-6.1-05", "5880-6.8.7-09", "5880-6.8.7-15", "7419-A-01")
}

// TestFirstInstant: any first instant serves, the caller spreads sessions by it.
func TestFirstInstant(t *testing.T) {
	for _, first := range []session.Time{0, 1, 7 * 1e15, -3 * 1e12} {
		r := newRig(t, params(50*ms, 3))
		r.now = first
		r.s = session.New(params(50*ms, 3), localDiscr, first, r.rng)
		r.wait(10 * sec)
		if at := r.sent[0].at; at < first || at > first+session.Time(2*ms) {
			t.Errorf("first packet at %d, want it just after %d", at, first)
		}
		r.wantGaps("then", sec, 10)

		r.s.StartAt(r.now + 1234567)
		want := r.now + 1234567
		if got := r.s.Deadline(); got < want || got > want+session.Time(2*ms) {
			t.Errorf("moved to %d, due at %d", want, got)
		}
		r.say(packet.Down)
		r.wantDown("any instant serves for what arrives, too", 150*ms)
	}
}

// TestFieldsFollowVariables: the fields of packets while a session comes Up, is
// reconfigured and loses its peer.
func TestFieldsFollowVariables(t *testing.T) {
	r := newRig(t, session.Params{DesiredMinTx: 50_000, RequiredMinRx: 60_000, DetectMult: 255})
	r.tester.RequiredMinRx = 200_000 // negotiates 200 ms, which no field may show
	base := packet.Control{
		State: packet.Down, DetectMult: 255, Length: packet.ControlLen, MyDiscr: localDiscr,
		DesiredMinTx: 1_000_000, RequiredMinRx: 60_000,
	}
	check := func(what string, change func(c *packet.Control)) {
		t.Helper()
		change(&base)
		if diff := cmp.Diff(base, r.last().Control); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if r.last().at != r.now {
			t.Errorf("%s: told %s late", what, span(int64(r.now-r.last().at)))
		}
	}
	r.say(packet.Down)
	check("init", func(c *packet.Control) { c.State, c.YourDiscr = packet.Init, testerDiscr })
	r.say(packet.Up)
	check("up", func(c *packet.Control) { c.State, c.DesiredMinTx, c.Poll = packet.Up, 50_000, true })
	r.answer = false
	r.wait(sec)
	r.sayFinal()
	r.say(packet.Up)
	r.tester.MyDiscr = 0xfffffff0
	r.say(packet.Up)
	check("peer's new discriminator", func(c *packet.Control) { c.YourDiscr, c.Poll = 0xfffffff0, false })
	p := session.Params{DesiredMinTx: 3300, RequiredMinRx: 10_000, DetectMult: 1}
	r.wait(sec)
	r.configure(p)
	check("reconfigured", func(c *packet.Control) {
		c.DesiredMinTx, c.RequiredMinRx, c.DetectMult, c.Poll = 3300, 10_000, 1, true
	})
	r.say(packet.Down)
	check("peer down", func(c *packet.Control) {
		c.State, c.Diag, c.DesiredMinTx = packet.Down, packet.DiagNeighborDown, 1_000_000
	})
	r.admin(true, packet.DiagAdminDown)
	check("disabled", func(c *packet.Control) { c.State, c.Diag = packet.AdminDown, packet.DiagAdminDown })

	var b [packet.ControlLen]byte
	base.Put(b[:])
	if got := [2][4]byte{[4]byte(b[12:]), [4]byte(b[16:])}; got != [2][4]byte{{0, 0x0f, 0x42, 0x40}, {0, 0, 0x27, 0x10}} {
		t.Errorf("intervals on the wire: % x, want microseconds in network order", got)
	}
	rows.Covers(t, "5880-4.1-03", "5880-6.8.7-03", "5880-6.8.7-09", "5880-6.8.7-11", "5880-6.8.7-12", "5880-6.8.7-13",
		"5880-6.8.7-14", "5880-6.8.6-17", "5880-6.3-04")
}

// TestPeersDiscriminatorMayChange: without effect on the state or the schedule.
func TestPeersDiscriminatorMayChange(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	for i := range uint32(50) {
		r.tester.MyDiscr = testerDiscr + i
		r.wait(210 * ms)
		if got := r.last().YourDiscr; got != r.tester.MyDiscr {
			t.Fatalf("Your Discriminator %#x, want %#x", got, r.tester.MyDiscr)
		}
	}
	r.wantState("peer changing its discriminator", packet.Up)
	r.wantGaps("meanwhile", 50*ms, 100)
	rows.Covers(t, "5880-6.8.6-17", "5880-6.3-04", "5880-6.8.7-12")
}

// TestPassive: silent until the peer is heard, silent again when it is not.
func TestPassive(t *testing.T) {
	p := params(50*ms, 3)
	p.Passive = true
	r := newRig(t, p)
	r.wait(30 * sec)
	r.configure(session.Params{DesiredMinTx: 60_000, RequiredMinRx: 70_000, DetectMult: 4, Passive: true})
	r.wait(30 * sec)
	if len(r.sent) != 0 || r.s.Deadline() != session.Never {
		t.Fatalf("passive and unheard: sent %d, next deadline %s", len(r.sent), span(int64(r.s.Deadline())))
	}
	rows.Covers(t, "5880-6.1-02")

	r.tester.DesiredMinTx = 1_000_000
	r.say(packet.Down)
	if f := r.last(); f.State != packet.Init || f.at != r.now || f.DetectMult != 4 {
		t.Errorf("first packet %+v, want Init now", f)
	}
	r.talk(sec)
	r.wait(20 * sec)
	r.wantGaps("once heard", sec, 15)
	rows.Covers(t, "5880-6.1-03")

	r.clear()
	r.silence()
	r.wait(3 * sec)
	r.clear()
	r.wait(60 * sec)
	if r.s.State() != packet.Down || len(r.sent) != 0 || r.s.Deadline() != session.Never {
		t.Errorf("peer gone: state %v, sent %d, next deadline %s; want Down and silence", r.s.State(), len(r.sent), span(int64(r.s.Deadline())))
	}
	r.configure(params(50*ms, 3))
	r.wait(2 * sec)
	if len(r.sent) == 0 {
		t.Error("made active: still silent")
	}
	rows.Covers(t, "5880-6.8.7-17")
}

// TestPassiveWokenByAdminDown: any accepted packet makes the peer known.
func TestPassiveWokenByAdminDown(t *testing.T) {
	p := params(50*ms, 3)
	p.Passive = true
	r := newRig(t, p)
	r.say(packet.AdminDown)
	if f := r.last(); f.State != packet.Down || f.Diag != packet.DiagNone || f.YourDiscr != testerDiscr {
		t.Errorf("answer %+v, want Down with the peer's discriminator", f)
	}
	r.wantState("hearing AdminDown in Down", packet.Down)
	rows.Covers(t, "5880-FSM-01")
}
