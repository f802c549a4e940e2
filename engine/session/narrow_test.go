package session

import (
	"testing"
)

// TestNarrow: the least gap that is a near miss. A peer that keeps to its interval
// has none with any multiplier, and one whose packets are all lost but the last that
// can save the session has one.
func TestNarrow(t *testing.T) {
	for _, tt := range []struct {
		mult  uint8
		least int64 // in thousandths of the interval
	}{{1, 950}, {2, 1250}, {3, 2250}, {5, 4250}, {255, 254_250}} {
		s := Session{remoteMult: tt.mult, remoteMinTx: 100_000, rxInForce: 50_000}
		interval := int64(100_000) * Microsecond
		least := interval / 1000 * tt.least
		if s.Narrow(least) || !s.Narrow(least+1) {
			t.Errorf("multiplier %d: %v at %d, %v after it", tt.mult, s.Narrow(least), least, s.Narrow(least+1))
		}
		if tt.mult == 1 && s.Narrow(interval*9/10) || tt.mult > 1 && s.Narrow(interval) {
			t.Errorf("multiplier %d: a packet in time is a near miss", tt.mult)
		}
		// The packet after it, at its soonest.
		if tt.mult > 1 && least+interval*3/4 < s.DetectionTime() {
			t.Errorf("multiplier %d: the next packet may still have come in time", tt.mult)
		}
	}
	if s := (Session{}); s.Narrow(Second) {
		t.Error("a near miss before the peer was heard")
	}
	own := Session{params: Params{Kind: Unaffiliated, DetectMult: 3}, txInForce: 100_000}
	if own.Narrow(200*Millisecond) || !own.Narrow(240*Millisecond) {
		t.Error("unaffiliated")
	}
}
