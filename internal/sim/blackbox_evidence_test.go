package sim

import (
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// A failure tells whether the peer was silent, D stood still, or D's ring had no
// room for what the peer said.
func TestEvidence(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trouble func(b *bed)
		stalled bool
		lost    uint64
	}{
		{"the peer is silent", func(b *bed) { b.hush() }, false, 0},
		{"and so it was after D stood still", func(b *bed) {
			b.d.StallWorker(0, 300*Millisecond)
			b.hush()
		}, true, 0},
		{"D stood still, and its ring took the first two packets only", func(b *bed) {
			b.nic.RingCap = 2
			b.d.StallWorker(0, 300*Millisecond)
			b.world.Run(299 * Millisecond)
			b.hush()
		}, true, 4},
	} {
		b := newBed(t, p50)
		var told []engine.Failure
		b.d.OnEvent = func(ev *engine.Event) {
			if ev.Failed {
				told = append(told, ev.Failure)
			}
		}
		b.up()
		tt.trouble(b)
		b.world.Run(Second)
		if b.stands(tt.name, packet.Down, packet.DiagControlExpiry); len(told) != 1 {
			t.Fatalf("%s: %d failures", tt.name, len(told))
		}
		f := told[0]
		if silent := f.At - f.LastRx; silent < 150*Millisecond || f.DetectionTime != int64(150*Millisecond) {
			t.Errorf("%s: silent for %d ns of %d", tt.name, silent, f.DetectionTime)
		}
		if stalled := f.Stalled > int64(250*Millisecond); stalled != tt.stalled || !tt.stalled && f.Stalled != 0 {
			t.Errorf("%s: stalled for %d ns", tt.name, f.Stalled)
		}
		if f.Lost != tt.lost || f.LostWithin < f.DetectionTime {
			t.Errorf("%s: %d frames lost within %d ns, want %d", tt.name, f.Lost, f.LostWithin, tt.lost)
		}
	}
}
