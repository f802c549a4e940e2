package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// The bound on packets sent for a change of content: so many at once, and one
// more each so often.
const (
	extraBurst = 5
	extraEvery = 100 * ms
)

// TestExtraPacketsBounded: whatever changes a thousand times a second, what goes
// out beside the schedule is bounded, every packet says what is true when it
// leaves, and the last change is told within an interval.
func TestExtraPacketsBounded(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval int64 // of the schedule, at its fastest
		change   func(r *rig, i int)
	}{
		{"peer's discriminator", 100 * ms, func(r *rig, i int) {
			r.tester.MyDiscr = uint32(i + 1)
			r.say(packet.Up)
		}},
		{"peer flapping", 100 * ms, func(r *rig, i int) { r.say([]packet.State{packet.Down, packet.Init}[i%2]) }},
		{"peer restarting", 100 * ms, func(r *rig, i int) { r.say([]packet.State{packet.Down, packet.Down, packet.Up}[i%3]) }},
		{"peer in AdminDown and out", 100 * ms, func(r *rig, i int) { r.say([]packet.State{packet.AdminDown, packet.Init}[i%2]) }},
		{"own intervals", 50 * ms, func(r *rig, i int) {
			r.configure(params([]int64{50 * ms, 100 * ms}[i%2], 3))
			r.say(packet.Up)
		}},
		{"own multiplier", 100 * ms, func(r *rig, i int) {
			r.configure(params(100*ms, uint8(2+i%2)))
			r.say(packet.Up)
		}},
		{"own AdminDown", 100 * ms, func(r *rig, i int) {
			r.admin(i%2 == 0, packet.DiagAdminDown)
			r.say(packet.Down)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const lasts = 60 * sec
			r := upRig(t, 100*ms, 3)
			r.tester.RequiredMinRx = 1
			r.silence()
			for i := range int(lasts / ms) {
				c.change(r, i)
				r.wait(ms)
			}
			extra := 0
			for _, f := range r.periodic() {
				if f.extra {
					extra++
				}
			}
			if most := extraBurst + int(lasts/extraEvery); extra > most || extra < most/2 {
				t.Errorf("%d packets for changes in %s, want at most %d and not far fewer", extra, span(lasts), most)
			}
			if n, most := len(r.periodic())-extra, int(lasts/(c.interval/4*3)); n > most {
				t.Errorf("%d packets by the schedule, want at most %d", n, most)
			}
			if n := len(r.finals()); n > 0 {
				t.Errorf("%d Finals unasked for", n)
			}
			r.wait(int64(r.s.TxInterval()) * us)
			if r.onWire != r.body() {
				t.Errorf("an interval later the last packet says %+v, the session %+v", r.onWire, r.body())
			}
		})
	}
	rows.Covers(t, "5880-6.8.7-30")
}

// TestChangesInTurn: changes with some time between them each go out at once, in
// place of the periodic packet that was pending.
func TestChangesInTurn(t *testing.T) {
	r := upRig(t, 100*ms, 3)
	for i := range 50 {
		r.wait(extraEvery + int64(i)*ms)
		p := r.s.Params()
		p.DetectMult = uint8(4 + i)
		r.clear()
		r.configure(p)
		if len(r.sent) != 1 || r.sent[0].at != r.now || r.sent[0].DetectMult != p.DetectMult {
			t.Fatalf("change %d: sent %+v, want one packet now", i, r.sent)
		}
		r.wait(100 * ms)
		r.wantGaps("the packet after a change", 100*ms, 1)
	}
	rows.Covers(t, "5880-6.8.7-29", "5880-6.8.7-30")
}

// TestNothingSpurious: calls with nothing to do ask for nothing and move no timer.
func TestNothingSpurious(t *testing.T) {
	r := upRig(t, 100*ms, 3)
	r.wait(50 * ms)
	due := r.s.Deadline()
	for _, judge := range []bool{false, true} {
		for now := r.now; now < due; now += session.Time(ms) {
			if out := r.s.Expire(now, judge, r.rng); out != 0 {
				t.Errorf("Expire before the deadline: %b", out)
			}
		}
	}
	if out := r.s.Configure(r.now, r.s.Params(), r.rng); out != 0 {
		t.Errorf("Configure with the same: %b", out)
	}
	if out := r.s.Admin(r.now, false, packet.DiagAdminDown, r.rng); out != 0 {
		t.Errorf("Admin up when up: %b", out)
	}
	if r.s.Deadline() != due {
		t.Errorf("the deadline moved by %s", span(int64(r.s.Deadline()-due)))
	}
}
