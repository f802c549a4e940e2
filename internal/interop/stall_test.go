package interop

import (
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// TestStall stops xbfd for longer than the detection time while its peer goes
// on: what arrived meanwhile arrived in time, so nothing fails, and what was not
// sent meanwhile is not made up for.
func TestStall(t *testing.T) {
	for _, transport := range []string{"xdp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			const interval, stall = 50 * time.Millisecond, mult*50*time.Millisecond + 700*time.Millisecond
			a, b := newLink(t)
			p := newTester(t, b, a, interval)
			d := start(t, a, "transport: "+transport+"\n"+oneSession(b, interval, ""))
			p.talk(t, 40*time.Millisecond)
			d.waitState(t, b.v4, "up")
			settled(t, d, b)
			if s := d.session(t, b.v4); s.DetectionTime >= uint64(stall.Microseconds()) {
				t.Fatalf("detection time %d µs", s.DetectionTime)
			}
			d.signal(t, syscall.SIGSTOP)
			time.Sleep(stall)
			mark := p.mark()
			d.signal(t, syscall.SIGCONT)
			time.Sleep(time.Second)
			if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 {
				t.Errorf("after the stall: %+v", s)
			}
			var ours []sighting
			for _, s := range p.all(mark) {
				if !s.out && !s.Final {
					ours = append(ours, s)
				}
			}
			if len(ours) < 5 {
				t.Fatalf("%d packets in a second", len(ours))
			}
			// Jitter leaves at least 75 % between two; what was missed is as
			// many again.
			lasted := ours[len(ours)-1].at - ours[0].at
			if most := int(lasted/(interval*3/4)) + 3; len(ours) > most {
				t.Errorf("%d packets in the %v after the stall, want at most %d", len(ours), lasted, most)
			}
			for _, s := range ours {
				if s.State != packet.Up {
					t.Errorf("%v", s)
				}
			}
			rows.Covers(t, "5880-6.8.4-05", "5880-6.8.7-32")
		})
	}
}
