package wire

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
)

// A stamp is believed when it can be true; without one a frame arrives when it
// is read. What came while Receive was at work counts as of its start.
func TestArrival(t *testing.T) {
	const opened, now = session.Time(1e9), session.Time(5e9)
	for _, tt := range []struct {
		name    string
		stamp   session.Time
		want    session.Time
		stamped bool
	}{
		{"before now", now - 1000, now - 1000, true},
		{"right after opening", opened, opened, true},
		{"during the read", now + 1000, now, true},
		{"none", 0, now, false},
		{"before opening", opened - 1, now, false},
		{"bytes of something else", 0x4500003400000000, now, false},
		{"negative", -5, now, false},
	} {
		q := &queue{opened: opened, now: now}
		if got := q.arrival(int64(tt.stamp)); got != tt.want || q.stamped() != tt.stamped {
			t.Errorf("%s: arrival %d, stamped %v; want %d, %v", tt.name, got, q.stamped(), tt.want, tt.stamped)
		}
	}
}
