package sim

import (
	"math"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// An active session sends though it hears nothing; a passive one does not.
func TestRoles(t *testing.T) {
	b := newBed(t, p50)
	if first := b.during(Second); len(first) == 0 || first[0].at > b.world.start+10*Millisecond {
		t.Errorf("%d packets in the first second", len(first))
	}
	b.gaps("active, unheard", b.during(60*Second), 60, 750, 1000)
	rows.Covers(t, "5880-6.1-01", "5880-6.1-05", "5880-6.8.1-08", "5880-6.8.1-09", "5880-6.8.1-10", "5881-3-01")

	p := p50
	p.Passive = true
	b = newBed(t, p)
	b.say.YourDiscr = 0
	if n := len(b.during(30 * Second)); n != 0 {
		t.Errorf("passive and unheard: %d packets", n)
	}
	b.sendFrame(b.frameOf(b.say).ttl(254).bytes(b))
	if n := len(b.during(5 * Second)); n != 0 {
		t.Errorf("a discarded packet woke it: %d packets", n)
	}
	b.answer = false
	b.send(b.say) // Down, no discriminator
	if sent := b.during(slack); len(sent) != 1 || sent[0].State != packet.Init {
		t.Errorf("%d packets at once after the first of its peer", len(sent))
	}
	b.say.DesiredMinTx = 1_000_000
	b.talk(Second)
	b.gaps("passive, heard", b.during(10*Second), 9, 750, 1000)
	b.talk(0)
	b.world.Run(3*Second + slack)
	if n := len(b.during(10 * Second)); n != 0 {
		t.Errorf("passive and its peer forgotten: %d packets", n)
	}
	rows.Covers(t, "5880-6.1-02", "5880-6.1-03", "5880-6.8.7-17")
}

// Two thousand gaps lie in the window, have the right mean, are spread over the
// window and do not depend on each other; so it is for every common interval.
func TestJitter(t *testing.T) {
	for _, ms10 := range []float64{3.3, 10, 20, 50, 100, 1000} {
		for _, mult := range []uint8{1, 3} {
			b := newBed(t, ms(ms10, ms10, mult))
			b.say.DetectMult = 50
			b.up()
			all := periodic(b.during(session.Time(2000 * ms10 * 1e6)))
			hi := 1.0
			if mult == 1 {
				hi = 0.9
			}
			b.gaps("jitter", all, 1900, ms10*0.75, ms10*hi)
			even(t, all, ms10, 0.75, hi)
		}
	}
	rows.Covers(t, "5880-6.8.7-18", "5880-6.8.7-19", "5880-6.8.7-20", "7419-3-01", "7419-3-04")
}

// even checks that gaps are spread over lo to hi of the interval, with the right
// mean and without memory.
func even(t *testing.T, all []hearing, interval, lo, hi float64) {
	t.Helper()
	var gaps []float64
	bins := map[int]int{}
	sum := 0.0
	for i := 1; i < len(all); i++ {
		g := float64(all[i].at-all[i-1].at) / 1e6 / interval
		gaps = append(gaps, g)
		sum += g
		bins[int(g*100)]++
	}
	mean := sum / float64(len(gaps))
	if want := (lo + hi) / 2; math.Abs(mean-want) > 0.02*want {
		t.Errorf("interval %v: mean gap %.4f, want %.4f", interval, mean, want)
	}
	var cov, varsum float64
	for i, g := range gaps {
		varsum += (g - mean) * (g - mean)
		if i > 0 {
			cov += (g - mean) * (gaps[i-1] - mean)
		}
	}
	if r := cov / varsum; math.Abs(r) > 0.1 {
		t.Errorf("interval %v: lag-1 autocorrelation %.3f", interval, r)
	}
	// Short of 80 ms the grid that sends round up to leaves fewer values.
	want := 3
	if interval >= 100 {
		want = int((hi - lo) * 100 * 0.8)
	}
	if len(bins) < want {
		t.Errorf("interval %v: gaps fall into %d bins of 1 %%, want %d", interval, len(bins), want)
	}
}

// A peer that asks for no packets gets none, but each of its Polls is answered.
func TestPeerAsksForSilence(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.say.RequiredMinRx = 0
	b.talk(45 * Millisecond)
	b.world.Run(slack)
	if n := len(b.during(10 * Second)); n != 0 {
		t.Errorf("%d packets to a peer that wants none", n)
	}
	b.once(func(c *packet.Control) { c.Poll = true })
	if sent := b.during(2 * Millisecond); len(sent) != 1 || !sent[0].Final {
		t.Errorf("%d packets after a Poll, want one Final", len(sent))
	}
	b.say.RequiredMinRx = 100_000
	b.talk(45 * Millisecond)
	if sent := b.during(100*Millisecond + slack); len(sent) == 0 {
		t.Error("nothing within one new interval")
	}
	b.gaps("resumed", periodic(b.during(3*Second)), 29, 75, 100)
	rows.Covers(t, "5880-6.8.7-23", "5880-6.8.7-25", "5880-6.8.7-22")
}

// A Poll is answered at once, in every state, and the schedule does not notice.
func TestFinals(t *testing.T) {
	for _, state := range []packet.State{packet.Down, packet.Init, packet.Up} {
		b := newBed(t, ms(1000, 1000, 3))
		b.bring(state)
		b.world.Run(300 * Millisecond)
		said := map[packet.State]packet.State{packet.Down: packet.Up, packet.Init: packet.Down, packet.Up: packet.Up}[state]
		b.once(func(c *packet.Control) { c.State, c.Poll = said, true })
		sent := finals(b.during(2 * Millisecond))
		if len(sent) != 1 || sent[0].Poll || sent[0].at-b.lastAt > 100*Microsecond {
			t.Errorf("%v: %d Finals", state, len(sent))
		}
		b.stands("after a Poll", state, 0)
	}

	b := newBed(t, ms(100, 100, 3))
	b.up()
	before := b.status().Counters.Rx
	b.talk(0)
	polls := 0
	for at := session.Time(0); at < 5*Second; at += Millisecond {
		b.world.After(at, func() { polls++; b.once(func(c *packet.Control) { c.Poll = true }) })
	}
	all := b.during(5 * Second)
	if n := len(finals(all)); n != polls {
		t.Errorf("%d Finals for %d Polls", n, polls)
	}
	if got := b.status().Counters.Rx - before; got < 5000 {
		t.Errorf("%d packets received", got)
	}
	b.gaps("under Polls at 1 kHz", periodic(all), 50, 75, 100)
	rows.Covers(t, "5880-6.8.7-25", "5880-6.8.7-26", "5880-6.8.7-04", "5880-6.8.6-28")
}

// A flood of valid packets delays nothing.
func TestFlood(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.talk(100 * Microsecond)
	b.gaps("under 10,000 packets a second", periodic(b.during(5*Second)), 100, 37.5, 50)
	rows.Covers(t, "5880-6.8.7-31")
}

// Input that flaps does not make D's output exceed its rate without bound.
func TestFlappingInput(t *testing.T) {
	tests := []struct {
		name string
		flap func(c *packet.Control, i uint32)
	}{
		{"required min rx", func(c *packet.Control, i uint32) { c.RequiredMinRx = 50_000 + i%2 }},
		{"my discriminator", func(c *packet.Control, i uint32) { c.MyDiscr += i % 2 }},
		{"state", func(c *packet.Control, i uint32) {
			c.State = []packet.State{packet.Down, packet.Init}[i%2]
		}},
	}
	for _, tt := range tests {
		b := newBed(t, p50)
		b.up()
		b.talk(0)
		i := uint32(0)
		const seconds = 10
		for at := session.Time(0); at < seconds*Second; at += Millisecond {
			b.world.After(at, func() { i++; b.once(func(c *packet.Control) { tt.flap(c, i) }) })
		}
		if n := len(b.during(seconds * Second)); n > seconds*(1000/37+10)+4 {
			t.Errorf("%s: %d packets in %d s", tt.name, n, seconds)
		}
	}
	rows.Covers(t, "5880-6.8.7-30")
}

// After a stall D sends one packet and goes on, it does not catch up.
func TestNoBurstAfterStall(t *testing.T) {
	b := newBed(t, p50)
	b.say.DetectMult = 100
	b.up()
	b.d.Stall(2 * Second)
	b.world.Run(2*Second - Millisecond)
	all := periodic(b.during(Second))
	if len(all) == 0 || all[0].at > b.world.now-Second+10*Millisecond {
		t.Error("nothing at once after the stall")
	}
	b.gaps("after a stall", all, 18, 37.5, 50)
	rows.Covers(t, "5880-6.8.7-32")
}

// A change of D's own content leaves at once, once.
func TestChangeLeavesAtOnce(t *testing.T) {
	b := newBed(t, ms(300, 300, 3))
	b.up()
	for i, p := range []session.Params{ms(300, 300, 7), ms(300, 250, 7), ms(280, 250, 7)} {
		b.world.Run(2 * Second)
		b.world.Run(20 * Millisecond) // into the gap
		b.configure(p)
		sent := periodic(b.during(slack))
		if len(sent) != 1 {
			t.Errorf("change %d: %d packets at once", i, len(sent))
			continue
		}
		if h := sent[0]; h.DetectMult != p.DetectMult || h.DesiredMinTx != p.DesiredMinTx || h.RequiredMinRx != p.RequiredMinRx {
			t.Errorf("change %d: sent %+v", i, h.Control)
		}
		// It took the place of the pending packet.
		next := periodic(b.during(400 * Millisecond))
		if len(next) == 0 || next[0].at-sent[0].at < 200*Millisecond {
			t.Errorf("change %d: the next packet follows too soon or never", i)
		}
	}
	rows.Covers(t, "5880-6.8.7-29")
}

// While the peer says so, its Required Min RX holds in every state; silence for a
// Detection Time ends it.
func TestPeersRateHoldsWhileDown(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.say.State, b.say.RequiredMinRx, b.say.DesiredMinTx = packet.Down, 10_000_000, 1_000_000
	b.talk(Second)
	b.world.Run(Second)
	b.gaps("peer takes a packet each 10 s", periodic(b.during(60*Second)), 5, 7500, 10_000)
	b.hush()
	b.world.Run(14 * Second)
	b.gaps("peer silent", periodic(b.during(10*Second)), 9, 750, 1000)
	rows.Covers(t, "5880-6.8.18-03", "5880-6.8.18-04")

	b = newBed(t, p50)
	b.up()
	b.hush()
	b.once(func(c *packet.Control) {
		c.State, c.DesiredMinTx, c.RequiredMinRx = packet.Down, 10_000_000, 5_000_000
	})
	b.world.Run(slack)
	b.once(func(c *packet.Control) {
		c.State, c.DesiredMinTx, c.RequiredMinRx = packet.Down, 10_000_000, 5_000_000
	})
	b.world.Run(slack)
	b.stands("after Down twice", packet.Init, packet.DiagNeighborDown)
	last := b.lastAt
	b.gaps("kept for a Detection Time", periodic(b.during(29*Second)), 5, 3750, 5000)
	b.world.RunUntil(last + 30*Second + slack)
	b.stands("and no longer", packet.Down, packet.DiagControlExpiry)
	b.gaps("its own rate again", periodic(b.during(10*Second)), 9, 750, 1000)
	rows.Covers(t, "5880-6.8.1-17", "5880-6.8.18-04")
}
