package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// demanded is Up with a peer in demand mode that goes on sending.
func demanded(t *testing.T) *rig {
	t.Helper()
	r := upRig(t, 100*ms, 3)
	r.tester.Demand = true
	r.sayPoll()
	if f := r.last(); !f.Final || f.Demand {
		t.Fatalf("answer to the Poll that begins demand mode: %+v", f)
	}
	r.wait(sec)
	r.clear()
	return r
}

// TestRemoteDemand: with both ends Up and the D bit heard, no periodic packets.
func TestRemoteDemand(t *testing.T) {
	r := demanded(t)
	r.wait(30 * sec)
	if len(r.sent) != 0 {
		t.Errorf("peer in demand mode: %d packets in 30 s", len(r.sent))
	}
	if !r.s.Remote().Demand {
		t.Error("bfd.RemoteDemandMode is 0")
	}
	for range 10 {
		r.sayPoll()
		r.wait(50 * ms)
	}
	if len(r.sent) != 10 || len(r.finals()) != 10 {
		t.Errorf("10 Polls: %d packets, %d Finals", len(r.sent), len(r.finals()))
	}
	r.wantState("in demand mode", packet.Up)
	// The peer is not silenced by its own demand: its silence is a failure.
	r.wantDown("in demand mode", 300*ms)
	rows.Covers(t, "5880-6.6-01", "5880-6.6-03", "5880-6.8.6-19", "5880-6.8.6-26", "5880-6.8.7-24", "5880-6.8.7-25")
}

// TestRemoteDemandEnds: packets resume within an interval.
func TestRemoteDemandEnds(t *testing.T) {
	for _, c := range []struct {
		name     string
		end      func(r *rig)
		state    packet.State
		interval int64
	}{
		{"D clear", func(r *rig) { r.tester.Demand = false; r.say(packet.Up) }, packet.Up, 100 * ms},
		{"peer says Init", func(r *rig) { r.say(packet.Init) }, packet.Up, 100 * ms},
		{"peer says Down", func(r *rig) { r.tester.DesiredMinTx = 1_000_000; r.say(packet.Down); r.say(packet.Up) }, packet.Down, sec},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := demanded(t)
			r.wait(sec)
			c.end(r)
			r.wait(c.interval)
			if len(r.sent) == 0 {
				t.Fatal("nothing sent within an interval")
			}
			r.wait(20 * sec)
			if f := r.last(); f.State != c.state || f.Demand {
				t.Errorf("packets say %+v, want %v", f, c.state)
			}
			r.wantGaps("periodic again", c.interval, int(18*sec/c.interval))
		})
	}
	rows.Covers(t, "5880-6.6-06", "5880-6.8.14-01")
}

// TestDemandIgnoredUnlessBothUp: obeyed during the handshake it would lock both
// ends up.
func TestDemandIgnoredUnlessBothUp(t *testing.T) {
	for _, c := range []struct {
		local, says packet.State
		interval    int64
	}{
		{packet.Down, packet.Up, sec},
		{packet.Init, packet.Down, sec},
		{packet.Up, packet.Init, 50 * ms},
		{packet.AdminDown, packet.Up, sec},
	} {
		r := inState(t, c.local, false)
		r.tester.Demand = true
		r.say(c.says)
		r.talk(40 * ms)
		r.clear()
		r.wait(20 * sec)
		r.wantState("demand heard", c.local)
		r.wantGaps("demand heard", c.interval, int(18*sec/c.interval))
	}
	rows.Covers(t, "5880-6.8.6-27")
}

// TestChangeUnderRemoteDemand: any change of content takes a Poll, sent
// periodically until the Final and no longer.
func TestChangeUnderRemoteDemand(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(r *rig)
		interval int64 // until the Final
	}{
		{"multiplier", func(r *rig) { p := r.s.Params(); p.DetectMult = 5; r.configure(p) }, 100 * ms},
		{"intervals", func(r *rig) { r.configure(params(200*ms, 3)) }, 100 * ms},
		{"peer's discriminator", func(r *rig) { r.tester.MyDiscr++; r.say(packet.Up) }, 100 * ms},
		{"two at once", func(r *rig) { p := params(50*ms, 5); r.configure(p) }, 100 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := demanded(t)
			r.answer = false
			c.change(r)
			r.wait(20 * sec)
			for i, f := range r.sent {
				if !f.Poll {
					t.Fatalf("packet %d of %d without P", i, len(r.sent))
				}
			}
			r.wantGaps("until the Final", c.interval, int(19*sec/c.interval))
			r.sayFinal()
			r.clear()
			r.wait(20 * sec)
			if len(r.sent) != 0 {
				t.Errorf("after the Final: %d packets", len(r.sent))
			}
			r.wantState("all along", packet.Up)
		})
	}
	rows.Covers(t, "5880-6.6-05", "5880-6.5-04", "5880-6.8.7-24")
}

// TestSecondChangeUnderRemoteDemand: the Poll that the second change must wait
// for begins by itself, though nothing is sent while it waits.
func TestSecondChangeUnderRemoteDemand(t *testing.T) {
	r := demanded(t)
	r.answer = false
	r.configure(params(200*ms, 3))
	r.wait(sec)
	r.configure(params(300*ms, 3))
	r.wait(10 * ms)
	r.sayFinal()
	if r.s.TxInterval() != 100_000 {
		t.Errorf("the first Final released the second change: interval %d µs", r.s.TxInterval())
	}
	r.clear()
	r.wait(sec)
	if len(r.sent) < 10 || !r.last().Poll {
		t.Errorf("second Poll: %d packets in a second", len(r.sent))
	}
	r.sayFinal()
	r.clear()
	r.wait(5 * sec)
	if len(r.sent) != 0 || r.s.TxInterval() != 300_000 {
		t.Errorf("after the second Final: %d packets, interval %d µs; want silence and 300 ms", len(r.sent), r.s.TxInterval())
	}
	rows.Covers(t, "5880-6.8.3-12")
}
