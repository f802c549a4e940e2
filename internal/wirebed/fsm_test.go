package wirebed

import (
	"slices"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// All sixteen cells of RFC 5880 §6.2 as they show on the wire and in the API.
func TestReceivedStates(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			on(t, with(p100), func(b *bed) {
				b.bring(cell.own)
				diag := b.status().Diag
				if cell.diag != keep {
					diag = cell.diag
				}
				from := now()
				b.once(func(c *packet.Control) { c.State, c.Diag = cell.heard, packet.DiagForwardingReset })
				if cell.to != cell.own { // it says so at once, without a state between
					if h := b.says("after", from, func(h hearing) bool { return !h.Final && h.State != cell.own }); h.State != cell.to || h.Diag != diag {
						b.Errorf("says %v/%d, want %v/%d", h.State, h.Diag, cell.to, diag)
					}
				}
				b.keeps("for a while", periodic(b.during(100*time.Millisecond)), cell.to, diag)
				b.stands("after", cell.to, diag)
			})
			rows.Covers(t, cell.row, "5880-6.8.7-29", "5880-6.8.7-02")
		})
	}
}

// Cells that keep the state keep it however often they are heard.
func TestStatesThatStay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		own, heard packet.State
		span       time.Duration
		atLeast    int
		lo, hi     float64 // spacing of D's packets
		row        string
	}{
		{packet.Init, packet.Down, 4 * time.Second, 3, 750, 1000, "5880-FSM-06"},
		{packet.Up, packet.Init, time.Second, 18, 37.5, 50, "5880-FSM-11"},
		{packet.AdminDown, packet.Up, 4 * time.Second, 3, 750, 1000, "5880-FSM-16"},
	} {
		t.Run(tt.own.String(), func(t *testing.T) {
			t.Parallel()
			on(t, with(p50), func(b *bed) {
				b.bring(tt.own)
				b.replies(true)
				b.tell(func(c *packet.Control) { c.State = tt.heard })
				b.talk(45 * time.Millisecond)
				time.Sleep(200 * time.Millisecond)
				all := periodic(b.during(tt.span))
				b.gaps(tt.own.String(), all, tt.atLeast, tt.lo, tt.hi)
				b.keeps(tt.own.String(), all, tt.own, b.status().Diag)
				for _, h := range all {
					if tt.own != packet.Up && h.DesiredMinTx < 1_000_000 {
						b.Errorf("desired min tx %d in %v", h.DesiredMinTx, tt.own)
					}
				}
			})
			rows.Covers(t, tt.row, "5880-6.1-05", "5880-6.8.3-05")
		})
	}
}

// After a timeout D waits for T to leave Up, however long that takes, and then
// both go through the handshake again.
func TestTeardownIsThreeWay(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		b.hush()
		b.downAfter("silence", 150)
		b.replies(true)
		b.talk(45 * time.Millisecond)
		b.keeps("T still says Up", b.during(2*time.Second), packet.Down, packet.DiagControlExpiry)
		for _, step := range []struct{ said, want packet.State }{{packet.Down, packet.Init}, {packet.Init, packet.Up}} {
			from := now()
			b.tell(func(c *packet.Control) { c.State = step.said })
			b.once(nil)
			h := b.says("T says "+step.said.String(), from, func(h hearing) bool { return !h.Final && h.State != packet.Down })
			if h.State != step.want || h.Diag != packet.DiagControlExpiry {
				b.Errorf("T says %v: D says %v/%d", step.said, h.State, h.Diag)
			}
			if step.want == packet.Init {
				b.settle()
				b.talk(0)
			}
		}
		// The diagnostic stays: it is the reason of the last failure.
		b.tell(func(c *packet.Control) { c.State = packet.Up })
		b.talk(45 * time.Millisecond)
		b.keeps("Up again", b.during(300*time.Millisecond), packet.Up, packet.DiagControlExpiry)
	})
	rows.Covers(t, "5880-FSM-04", "5880-FSM-18", "5880-6.8.1-16", "5880-FSM-14")
}

// Silence in each state.
func TestSilence(t *testing.T) {
	t.Parallel()
	t.Run("Init", func(t *testing.T) { // the peer's slow rate counts
		t.Parallel()
		on(t, with(p50), func(b *bed) {
			b.tell(func(c *packet.Control) { c.DesiredMinTx = 1_000_000 })
			b.bring(packet.Init)
			if h := b.downAfter("Init", 3000); h.YourDiscr != 0 {
				b.Errorf("remembers %#x", h.YourDiscr)
			}
			all := periodic(b.all())
			b.gaps("Init", all[1:len(all)-1], 2, 750, 1000)
		})
		rows.Covers(t, "5880-FSM-13", "5880-6.8.1-02", "5880-6.8.3-05", "7419-A-01")
	})
	// Down and AdminDown keep state and diagnostic, and forget the peer.
	for _, state := range []packet.State{packet.Down, packet.AdminDown} {
		t.Run(state.String(), func(t *testing.T) {
			t.Parallel()
			on(t, with(p50), func(b *bed) {
				b.bring(state)
				b.once(func(c *packet.Control) { c.State = packet.Up })
				b.settle()
				before := b.status()
				if before.Remote.Discr != testerDiscr {
					b.Fatalf("T was not heard")
				}
				all := periodic(b.during(2100 * time.Millisecond))
				b.keeps("after silence", all, state, before.Diag)
				if len(all) == 0 {
					b.tooLate("nothing heard")
				}
				if h := all[len(all)-1]; h.YourDiscr != 0 {
					b.Errorf("remembers %#x", h.YourDiscr)
				}
				if st := b.status(); st.Remote.Discr != 0 || st.Counters.Failures != 0 {
					b.Errorf("remote %#x, %d failures", st.Remote.Discr, st.Counters.Failures)
				}
			})
			rows.Covers(t, "5880-FSM-15", "5880-6.8.1-02")
		})
	}
}

// A peer that lost its memory is noticed at once, in Up too: its packets carry no
// discriminator.
func TestRestartedPeer(t *testing.T) {
	t.Parallel()
	for _, state := range []packet.State{packet.Down, packet.AdminDown} {
		t.Run(state.String(), func(t *testing.T) {
			t.Parallel()
			on(t, with(p100), func(b *bed) {
				b.up()
				b.talk(0)
				from := now()
				b.mu.Lock()
				c := b.control()
				c.State, c.YourDiscr, c.MyDiscr = state, 0, 0x4e4e
				b.valid(c)
				b.mu.Unlock()
				h := b.says("restarted peer", from, func(h hearing) bool { return h.State != packet.Up })
				if h.State != packet.Down || h.Diag != packet.DiagNeighborDown || h.YourDiscr != 0x4e4e {
					b.Errorf("says %v/%d to %#x", h.State, h.Diag, h.YourDiscr)
				}
			})
			rows.Covers(t, "5880-6.8.6-11", "5880-6.8.6-12", "5880-6.8.1-03")
		})
	}
}

// Going Down for another reason than silence does not forget the peer, and goes
// back to the slow rate.
func TestPeerIsKeptWhenDown(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		b.tell(func(c *packet.Control) { c.State = packet.Down })
		time.Sleep(300 * time.Millisecond) // Down, then Init
		all := periodic(b.during(4 * time.Second))
		b.gaps("slow again", all, 3, 750, 1000)
		b.keeps("slow again", all, packet.Init, packet.DiagNeighborDown)
		for _, h := range b.all() {
			if h.State != packet.Up && h.State != packet.Down && h.YourDiscr != testerDiscr {
				b.Errorf("%v to %#x", h.State, h.YourDiscr)
			}
		}
	})
	rows.Covers(t, "5880-6.8.1-03", "5880-6.1-06", "5880-FSM-10")
}

// A peer's AdminDown is no failure, and neither is coming up.
func TestAdminDownIsNoFailure(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		b.talk(0)
		from := now()
		b.tell(func(c *packet.Control) { c.State, c.Diag = packet.AdminDown, packet.DiagAdminDown })
		b.once(nil)
		if h := b.says("peer is AdminDown", from, func(h hearing) bool { return h.State != packet.Up }); h.State != packet.Down || h.Diag != packet.DiagNeighborDown {
			b.Errorf("says %v/%d", h.State, h.Diag)
		}
		if st := b.status(); st.Counters.Down != 1 || st.Counters.Failures != 0 || st.Change.Remote != packet.AdminDown {
			b.Errorf("%d Downs, %d failures, remote was %v", st.Counters.Down, st.Counters.Failures, st.Change.Remote)
		}
		time.Sleep(20 * time.Millisecond)
		list := b.d.told()
		if !slices.ContainsFunc(list, func(e engine.Event) bool { return e.Failed && e.Failure.Admin }) ||
			slices.ContainsFunc(list, func(e engine.Event) bool { return e.Failed && !e.Failure.Admin }) {
			b.Errorf("events %+v", list)
		}
	})
	rows.Covers(t, "5880-FSM-09", "5882-3.2-01")
}
