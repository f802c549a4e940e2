package session_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// inState is a session that has got to a state by itself, with no diagnostic or,
// if it has failed before, with diagnostic 1 (AdminDown always carries 7).
func inState(t *testing.T, st packet.State, failed bool) *rig {
	t.Helper()
	r := newRig(t, params(50*ms, 3))
	if failed {
		r.up(50 * ms)
		r.wantDown("setting the scene", 150*ms)
	}
	switch st {
	case packet.AdminDown:
		r.admin(true, packet.DiagAdminDown)
	case packet.Init:
		r.say(packet.Down)
	case packet.Up:
		r.say(packet.Down)
		r.say(packet.Up)
	}
	if r.s.State() != st {
		t.Fatalf("setting the scene: state %v, want %v", r.s.State(), st)
	}
	if st == packet.Init || st == packet.Up {
		r.talk(40 * ms)
	}
	r.wait(2 * sec) // Polls end, the bucket of extra packets fills up
	r.silence()
	r.clear()
	return r
}

// TestTransitions is the whole state machine: sixteen cells, each under every
// combination of the bits that must not matter to it.
func TestTransitions(t *testing.T) {
	const keep = packet.Diag(0xff)
	type cell struct {
		to   packet.State
		diag packet.Diag
	}
	want := [4][4]cell{
		packet.AdminDown: {{packet.AdminDown, keep}, {packet.AdminDown, keep}, {packet.AdminDown, keep}, {packet.AdminDown, keep}},
		packet.Down:      {{packet.Down, keep}, {packet.Init, keep}, {packet.Up, keep}, {packet.Down, keep}},
		packet.Init:      {{packet.Down, 3}, {packet.Init, keep}, {packet.Up, keep}, {packet.Up, keep}},
		packet.Up:        {{packet.Down, 3}, {packet.Down, 3}, {packet.Up, keep}, {packet.Up, keep}},
	}
	for i := range 4 * 4 * 2 {
		local, received, failed := packet.State(i/8), packet.State(i/2%4), i%2 == 1
		t.Run(fmt.Sprintf("%v hears %v, failed before %v", local, received, failed), func(t *testing.T) {
			scene := inState(t, local, failed)
			for flags := range 32 {
				r := scene.clone(t)
				before, was := r.s.Diag(), r.body()
				c := r.tester
				c.State, c.Poll, c.Final = received, flags&1 != 0, flags&2 != 0
				c.CPI, c.Auth, c.Demand = flags&4 != 0, flags&8 != 0, flags&16 != 0
				out := r.s.Receive(r.now, r.now, &c, r.rng)
				r.note(out)

				cell := want[local][received]
				if cell.diag == keep {
					cell.diag = before
				}
				if r.s.State() != cell.to || r.s.Diag() != cell.diag {
					t.Fatalf("flags %05b: %v with diagnostic %v, want %v with %v", flags, r.s.State(), r.s.Diag(), cell.to, cell.diag)
				}
				if got, want := out&session.Changed != 0, cell.to != local; got != want {
					t.Errorf("flags %05b: Changed is %v, want %v", flags, got, want)
				}
				if got, want := len(r.finals()), map[bool]int{true: 1}[c.Poll && local != packet.AdminDown]; got != want {
					t.Errorf("flags %05b: %d Finals, want %d", flags, got, want)
				}
				if got, want := out&session.Discarded != 0, local == packet.AdminDown; got != want {
					t.Errorf("flags %05b: Discarded is %v, want %v", flags, got, want)
				}
				// Between periodic packets only a packet that says something new goes out.
				p, now := r.periodic(), r.body()
				if len(p) > 1 || (len(p) == 1) != (now != was) {
					t.Errorf("flags %05b: %d packets sent at once, packet changed: %v", flags, len(p), now != was)
				}
				if len(p) == 1 && (p[0].State != cell.to || p[0].Diag != cell.diag) {
					t.Errorf("flags %05b: sent %v/%v, want %v/%v", flags, p[0].State, p[0].Diag, cell.to, cell.diag)
				}
				if r.s.Remote().State != received {
					t.Errorf("flags %05b: remote state %v, want %v", flags, r.s.Remote().State, received)
				}
			}
		})
	}
	rows.Covers(t, "5880-FSM-01", "5880-FSM-02", "5880-FSM-03", "5880-FSM-05", "5880-FSM-07", "5880-FSM-08", "5880-FSM-09",
		"5880-FSM-10", "5880-FSM-12", "5880-FSM-20", "5880-6.8.6-18", "5880-6.8.6-25", "5880-6.8.6-28",
		"5880-6.8.7-01", "5880-6.8.7-02", "5880-6.8.7-04", "5880-6.8.7-25", "5880-6.8.7-29")
}

// TestSteadyStates: states in which a session must stay while the tester goes
// on saying the same.
func TestSteadyStates(t *testing.T) {
	for _, c := range []struct {
		local, says packet.State
		interval    int64 // at which the session sends meanwhile
		row         string
	}{
		{packet.Down, packet.Up, sec, "5880-FSM-04"},
		{packet.Down, packet.AdminDown, sec, "5880-FSM-01"},
		{packet.Init, packet.Down, sec, "5880-FSM-06"},
		{packet.Up, packet.Init, 50 * ms, "5880-FSM-11"},
		{packet.Up, packet.Up, 50 * ms, "5880-FSM-12"},
		{packet.AdminDown, packet.Down, sec, "5880-FSM-16"},
		{packet.AdminDown, packet.Init, sec, "5880-FSM-16"},
		{packet.AdminDown, packet.Up, sec, "5880-FSM-16"},
	} {
		t.Run(fmt.Sprintf("%v hears %v", c.local, c.says), func(t *testing.T) {
			r := inState(t, c.local, c.local == packet.Down)
			r.say(c.says)
			r.clear()
			r.talk(40 * ms)
			r.wait(20 * sec)
			r.wantState("hearing the same for 20 s", c.local)
			r.wantGaps("meanwhile", c.interval, int(15*sec/c.interval))
			rows.Covers(t, c.row)
		})
	}
}

// TestThreeWayTeardown: after a failure both ends pass through not being Up
// before they can be Up again.
func TestThreeWayTeardown(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	r.wantDown("silence", 150*ms)
	r.clear()
	for _, st := range []packet.State{packet.Up, packet.Up, packet.Down, packet.Init} {
		r.wait(ms)
		r.say(st)
	}
	want := []move{
		{packet.Init, packet.DiagControlExpiry, r.now - session.Time(ms)},
		{packet.Up, packet.DiagControlExpiry, r.now},
	}
	if diff := cmp.Diff(want, r.moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	// The diagnostic says why the session last left a state; coming Up clears
	// nothing (RFC 5880 erratum 7240).
	if f := r.last(); f.State != packet.Up || f.Diag != packet.DiagControlExpiry {
		t.Errorf("first packet after recovery says %v/%v, want up/control-expiry", f.State, f.Diag)
	}
	rows.Covers(t, "5880-FSM-18", "5880-6.8.1-16", "5880-6.8.7-01")
}

// TestVariablesOutliveFlaps: what is set when a session is made is not set again.
func TestVariablesOutliveFlaps(t *testing.T) {
	r := newRig(t, params(50*ms, 3))
	for range 10 {
		r.say(packet.Down)
		r.say(packet.Up)
		r.talk(50 * ms)
		r.wait(2 * sec)
		r.wantDown("flapping", 150*ms)
		r.wait(2 * sec)
	}
	seen := map[packet.State]bool{}
	for i, f := range r.sent {
		seen[f.State] = true
		if f.MyDiscr != localDiscr {
			t.Fatalf("packet %d: My Discriminator %#x, want %#x always", i, f.MyDiscr, localDiscr)
		}
		if want := packet.DiagControlExpiry; i > 0 && r.sent[i-1].Diag == want && f.Diag != want {
			t.Fatalf("packet %d: diagnostic went from %v to %v", i, want, f.Diag)
		}
	}
	r.admin(true, packet.DiagAdminDown)
	seen[r.last().State] = true
	if len(seen) != 4 || r.last().MyDiscr != localDiscr {
		t.Errorf("states seen in packets: %v, want all four", seen)
	}
	// emit holds every one of these packets, as bytes, to version 1 and M clear.
	rows.Covers(t, "5880-6.8.1-15", "5880-6.8.7-11", "5880-6.3-05", "5880-4.1-01", "5880-4.1-02", "5880-4.1-04", "5880-6.8.7-05")
}
