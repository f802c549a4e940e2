package sim

import (
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// bring puts the session into a state with its diagnostic 0, or 7 in AdminDown.
// T is heard but says nothing by itself.
func (b *bed) bring(state packet.State) {
	b.Helper()
	b.answer = false
	b.world.Run(10 * Millisecond)
	say := func(s packet.State) {
		b.once(func(c *packet.Control) { c.State = s })
		b.world.Run(slack)
	}
	switch state {
	case packet.Init:
		say(packet.Down)
	case packet.Up:
		say(packet.Down)
		say(packet.Up)
	case packet.AdminDown:
		p := b.s.Params
		p.AdminDown = true
		b.configure(p)
		b.world.Run(slack)
	}
	if st := b.status(); st.State != state {
		b.Fatalf("is %v, want %v", st.State, state)
	}
}

// All sixteen cells of RFC 5880 §6.2 as they show on the wire and in the API, and
// none of them depends on any other bit of the packet.
func TestReceivedStates(t *testing.T) {
	const keep = packet.Diag(255)
	cells := []struct {
		own, heard packet.State
		to         packet.State
		diag       packet.Diag
		row        string
	}{
		{packet.Down, packet.AdminDown, packet.Down, keep, "5880-FSM-01"},
		{packet.Down, packet.Down, packet.Init, keep, "5880-FSM-02"},
		{packet.Down, packet.Init, packet.Up, keep, "5880-FSM-03"},
		{packet.Down, packet.Up, packet.Down, keep, "5880-FSM-04"},
		{packet.Init, packet.AdminDown, packet.Down, packet.DiagNeighborDown, "5880-FSM-05"},
		{packet.Init, packet.Down, packet.Init, keep, "5880-FSM-06"},
		{packet.Init, packet.Init, packet.Up, keep, "5880-FSM-07"},
		{packet.Init, packet.Up, packet.Up, keep, "5880-FSM-08"},
		{packet.Up, packet.AdminDown, packet.Down, packet.DiagNeighborDown, "5880-FSM-09"},
		{packet.Up, packet.Down, packet.Down, packet.DiagNeighborDown, "5880-FSM-10"},
		{packet.Up, packet.Init, packet.Up, keep, "5880-FSM-11"},
		{packet.Up, packet.Up, packet.Up, keep, "5880-FSM-12"},
		{packet.AdminDown, packet.AdminDown, packet.AdminDown, keep, "5880-FSM-16"},
		{packet.AdminDown, packet.Down, packet.AdminDown, keep, "5880-FSM-16"},
		{packet.AdminDown, packet.Init, packet.AdminDown, keep, "5880-FSM-16"},
		{packet.AdminDown, packet.Up, packet.AdminDown, keep, "5880-FSM-16"},
	}
	for _, cell := range cells {
		t.Run(cell.own.String()+" hears "+cell.heard.String(), func(t *testing.T) {
			for flags := range 16 {
				b := newBed(t, p50)
				b.bring(cell.own)
				diag := b.status().Diag
				if cell.diag != keep {
					diag = cell.diag
				}
				b.once(func(c *packet.Control) {
					c.State, c.Diag = cell.heard, packet.DiagForwardingReset
					c.Poll, c.Final, c.CPI, c.Demand = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
				})
				sent := b.during(slack)
				b.stands("after", cell.to, diag)
				if cell.to == cell.own {
					continue
				}
				// It says so at once.
				if all := periodic(sent); len(all) != 1 || all[0].State != cell.to || all[0].Diag != diag {
					t.Errorf("flags %#x: sent %d packets at once", flags, len(all))
				}
			}
			rows.Covers(t, cell.row, "5880-FSM-20", "5880-6.8.7-29")
		})
	}
}

// Cells that keep the state keep it however often they are heard.
func TestStatesThatStay(t *testing.T) {
	tests := []struct {
		own, heard packet.State
		lo, hi     float64 // spacing of D's packets
		row        string
	}{
		{packet.Init, packet.Down, 750, 1000, "5880-FSM-06"},
		{packet.Up, packet.Init, 37.5, 50, "5880-FSM-11"},
		{packet.AdminDown, packet.Up, 750, 1000, "5880-FSM-16"},
	}
	for _, tt := range tests {
		b := newBed(t, p50)
		b.bring(tt.own)
		b.answer = true
		b.say.State = tt.heard
		b.talk(45 * Millisecond)
		b.world.Run(Second)
		all := periodic(b.during(10 * Second))
		b.gaps(tt.own.String(), all, 9, tt.lo, tt.hi)
		for _, h := range all {
			if h.State != tt.own {
				t.Errorf("%v became %v", tt.own, h.State)
			}
		}
		rows.Covers(t, tt.row)
	}
	rows.Covers(t, "5880-6.1-05", "5880-6.8.3-05")
}

// After a timeout D waits for T to leave Up, however long that takes, and then
// both go through the handshake again.
func TestTeardownIsThreeWay(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.talk(0)
	b.downAfter("silence", 150)
	b.talk(45 * Millisecond)
	for range 10 {
		b.world.Run(Second)
		b.stands("T still says Up", packet.Down, packet.DiagControlExpiry)
	}
	b.say.State = packet.Down
	b.world.Run(50 * Millisecond)
	b.stands("T says Down", packet.Init, packet.DiagControlExpiry)
	b.say.State = packet.Init
	b.world.Run(50 * Millisecond)
	b.stands("T says Init", packet.Up, packet.DiagControlExpiry)
	b.say.State = packet.Up
	// The diagnostic stays: it is the reason of the last failure.
	for _, h := range periodic(b.during(Second)) {
		if h.Diag != packet.DiagControlExpiry {
			t.Errorf("diagnostic %d while Up again", h.Diag)
		}
	}
	rows.Covers(t, "5880-FSM-04", "5880-FSM-18", "5880-6.8.1-16", "5880-FSM-14")
}

// Silence in each state.
func TestSilence(t *testing.T) {
	// In Init the peer's slow rate counts.
	b := newBed(t, p50)
	b.say.DesiredMinTx = 1_000_000
	b.bring(packet.Init)
	b.downAfter("Init", 3000)
	rows.Covers(t, "5880-FSM-13", "5880-6.8.1-02")

	// Down and AdminDown keep state and diagnostic, and forget the peer.
	for _, state := range []packet.State{packet.Down, packet.AdminDown} {
		b := newBed(t, p50)
		b.bring(state)
		b.once(func(c *packet.Control) { c.State = packet.Up })
		b.world.Run(slack)
		before := b.status()
		if before.Remote.Discr != testerDiscr {
			t.Fatalf("%v: T was not heard", state)
		}
		b.world.Run(2 * Second)
		if st := b.status(); st.State != state || st.Diag != before.Diag || st.Remote.Discr != 0 || st.Counters.Failures != 0 {
			t.Errorf("%v: %v/%d, remote %#x after silence", state, st.State, st.Diag, st.Remote.Discr)
		}
		if h := b.heard[len(b.heard)-1]; h.State != state || h.Diag != before.Diag || h.YourDiscr != 0 {
			t.Errorf("%v: says %v/%d to %#x", state, h.State, h.Diag, h.YourDiscr)
		}
	}
	rows.Covers(t, "5880-FSM-15", "5880-6.8.1-02")
}

// A peer that lost its memory is noticed at once, in Up too: its packets carry no
// discriminator.
func TestRestartedPeer(t *testing.T) {
	for _, state := range []packet.State{packet.Down, packet.AdminDown} {
		b := newBed(t, p50)
		b.up()
		b.talk(0)
		b.once(func(c *packet.Control) { c.State, c.YourDiscr, c.MyDiscr = state, 0, 0x4e4e })
		sent := periodic(b.during(slack))
		b.stands("restarted peer", packet.Down, packet.DiagNeighborDown)
		if len(sent) != 1 || sent[0].YourDiscr != 0x4e4e {
			t.Errorf("sent %d packets, want one to the new discriminator", len(sent))
		}
	}
	rows.Covers(t, "5880-6.8.6-11", "5880-6.8.1-03")
}

// Going Down for another reason than silence does not forget the peer.
func TestPeerIsKeptWhenDown(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.say.State = packet.Down
	b.talk(45 * Millisecond)
	for _, h := range b.during(2 * Second) {
		if h.State != packet.Up && h.YourDiscr != testerDiscr {
			t.Errorf("%v to %#x", h.State, h.YourDiscr)
		}
	}
	// FSM: Up, Down, Init; back to the slow rate, polled.
	b.gaps("slow again", periodic(b.during(5*Second)), 4, 750, 1000)
	rows.Covers(t, "5880-6.8.1-03", "5880-6.1-06", "5880-FSM-10")
}

// A peer's AdminDown is no failure, and neither is coming up.
func TestAdminDownIsNoFailure(t *testing.T) {
	b := newBed(t, p50)
	var events []engine.Event
	b.d.OnEvent = func(e *engine.Event) { events = append(events, *e) }
	b.up()
	b.once(func(c *packet.Control) { c.State, c.Diag = packet.AdminDown, packet.DiagAdminDown })
	b.world.Run(slack)
	b.stands("peer is AdminDown", packet.Down, packet.DiagNeighborDown)
	st := b.status()
	if st.Counters.Down != 1 || st.Counters.Failures != 0 || st.Change.Remote != packet.AdminDown {
		t.Errorf("%d Downs, %d failures, remote was %v", st.Counters.Down, st.Counters.Failures, st.Change.Remote)
	}
	for _, e := range events {
		if e.Failed && !e.Failure.Admin {
			t.Errorf("event %+v", e)
		}
	}
	if n := len(events); n != 3 || !events[n-1].Failure.Admin {
		t.Errorf("%d events, the last %+v", n, events[n-1])
	}
	rows.Covers(t, "5880-FSM-09", "5882-3.2-01", "5882-4.2-01", "5882-3.3-01")
}
