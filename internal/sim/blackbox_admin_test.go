package sim

import (
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Disabled: AdminDown at once, and for as long as it lasts.
func TestDisable(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.world.Run(20 * Millisecond)
	p := p50
	p.AdminDown = true
	b.configure(p)
	first := periodic(b.during(slack))
	if len(first) != 1 || first[0].State != packet.AdminDown || first[0].Diag != packet.DiagAdminDown {
		t.Fatalf("at once: %+v", first)
	}
	b.say.State = packet.Down
	b.world.Run(Second)
	all := periodic(b.during(60 * Second))
	b.gaps("while disabled", all, 60, 750, 1000)
	for _, h := range all {
		if h.State != packet.AdminDown || h.Diag != packet.DiagAdminDown || h.YourDiscr != testerDiscr {
			t.Fatalf("while disabled: %+v", h.Control)
		}
	}
	// It notes what T says, and does nothing of it.
	b.say.MyDiscr, b.say.RequiredMinRx = testerDiscr+9, 2_000_000
	for _, state := range []packet.State{packet.Down, packet.Init, packet.Up} {
		b.say.State = state
		b.once(func(c *packet.Control) { c.Poll = true })
		b.world.Run(3 * Second)
		b.stands(state.String(), packet.AdminDown, packet.DiagAdminDown)
	}
	b.gaps("T takes a packet each 2 s", periodic(b.during(20*Second)), 9, 1500, 2000)
	if h := b.heard[len(b.heard)-1]; h.YourDiscr != testerDiscr+9 {
		t.Errorf("to %#x", h.YourDiscr)
	}
	if n := len(finals(b.heard)); n != 0 {
		t.Errorf("%d Finals: RFC 5880 §6.8.6 discards before it answers", n)
	}
	if st := b.status(); st.Discards[packet.DropLocalAdminDown] == 0 {
		t.Error("what was discarded is not counted")
	}
	rows.Covers(t, "5880-6.8.16-01", "5880-6.8.16-03", "5880-6.8.16-04", "5880-6.8.6-25", "5880-FSM-16")

	// Enabled: Down, never more, and the diagnostic stays.
	b.say = packet.Control{State: packet.Down, DetectMult: 3, Length: 24, MyDiscr: testerDiscr, DesiredMinTx: 50_000, RequiredMinRx: 50_000}
	b.talk(0)
	b.configure(p50)
	first = periodic(b.during(slack))
	if len(first) != 1 || first[0].State != packet.Down || first[0].Diag != packet.DiagAdminDown {
		t.Errorf("enabled: %+v", first)
	}
	rows.Covers(t, "5880-6.8.16-02", "5880-FSM-17")
	b.up()
}

// Deleted: AdminDown for a Detection Time of T's at least, then silence; T never
// sees a timeout.
func TestDelete(t *testing.T) {
	b := newBed(t, p50)
	var gone []engine.Event
	b.d.OnEvent = func(e *engine.Event) {
		if e.Gone {
			gone = append(gone, *e)
		}
	}
	b.up()
	removed := b.world.now
	if err := b.d.Engine.Remove(b.s.Discr, int64(3*Second)); err != nil {
		t.Fatal(err)
	}
	b.world.Run(20 * Second)
	all := periodic(b.since(removed))
	if len(all) < 4 || all[0].at > removed+slack || all[0].State != packet.AdminDown {
		t.Errorf("%d packets after the removal", len(all))
	}
	last := all[len(all)-1].at
	if last < removed+2*Second || last > removed+3*Second+slack {
		t.Errorf("the last of them %d ns after it", last-removed)
	}
	for _, h := range all {
		if h.State != packet.AdminDown {
			t.Errorf("%v after the removal", h.State)
		}
	}
	if len(gone) != 1 || gone[0].Discr != b.s.Discr {
		t.Errorf("events of its going: %+v", gone)
	}
	if drops := b.drops(); drops[packet.DropUnknownYourDiscr] == 0 {
		t.Error("T's packets after that are of no session")
	}
	rows.Covers(t, "5880-6.8.16-06", "5880-6.8.16-03", "5882-8-01")
}

// The peer's demand is honoured while both ends are Up, and only then.
func TestPeerInDemandMode(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.say.Demand = true
	b.talk(45 * Millisecond)
	b.once(func(c *packet.Control) { c.Poll = true })
	if n := len(finals(b.during(slack))); n != 1 {
		t.Errorf("%d Finals", n)
	}
	if n := len(b.during(30 * Second)); n != 0 {
		t.Errorf("%d packets while the peer is in demand mode", n)
	}
	rows.Covers(t, "5880-6.6-01", "5880-6.6-03", "5880-6.8.6-26", "5880-6.8.7-24", "5880-6.8.6-19")

	// A change takes a Poll, on packets at the agreed interval, until a Final.
	b.answer = false
	b.configure(ms(50, 50, 7))
	polling := b.during(Second)
	b.polled("content changed", polling, true)
	b.gaps("content changed", polling, 19, 37.5, 50)
	b.once(func(c *packet.Control) { c.Final = true })
	b.world.Run(slack)
	if n := len(b.during(10 * Second)); n != 0 {
		t.Errorf("%d packets after the Final", n)
	}
	rows.Covers(t, "5880-6.6-05", "5880-6.5-04")

	// It leaves demand mode: packets within one interval.
	b.answer = true
	b.say.Demand = false
	b.talk(45 * Millisecond)
	all := b.during(2 * Second)
	if len(all) == 0 || all[0].at > b.world.now-2*Second+50*Millisecond {
		t.Errorf("%d packets", len(all))
	}
	b.gaps("demand mode left", periodic(all), 38, 37.5, 50)
	rows.Covers(t, "5880-6.6-06", "5880-6.8.14-01")

	// D still detects its silence.
	b.say.Demand = true
	b.talk(45 * Millisecond)
	b.world.Run(Second)
	b.hush()
	b.downAfter("silent in demand mode", 150)

	// Toggled, it changes no state.
	b = newBed(t, p50)
	b.up()
	for range 100 {
		b.say.Demand = !b.say.Demand
		b.world.Run(100 * Millisecond)
	}
	if st := b.status(); st.State != packet.Up || st.Counters.Down != 0 {
		t.Errorf("%v after toggling", st.State)
	}
	rows.Covers(t, "5880-6.6-09")
}

// Not Up on both sides: the D bit means nothing.
func TestDemandBeforeUp(t *testing.T) {
	for _, tt := range []struct {
		own, said packet.State
		lo, hi    float64
	}{{packet.Init, packet.Down, 750, 1000}, {packet.Up, packet.Init, 37.5, 50}} {
		b := newBed(t, p50)
		b.bring(tt.own)
		b.answer = true
		b.say.State, b.say.Demand = tt.said, true
		b.talk(45 * Millisecond)
		b.world.Run(Second)
		b.gaps(tt.own.String(), periodic(b.during(10*Second)), 9, tt.lo, tt.hi)
		b.stands("with D", tt.own, 0)
	}
	rows.Covers(t, "5880-6.8.6-27")
}
