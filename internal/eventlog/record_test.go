package eventlog

import (
	"fmt"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// TestSuspect: what to look at first.
func TestSuspect(t *testing.T) {
	const dt = 150 * session.Millisecond
	expired := Evidence{Diag: packet.DiagControlExpiry, Detection: dt}
	told := Evidence{Diag: packet.DiagNeighborDown, Remote: packet.DiagControlExpiry, Detection: dt}
	with := func(e Evidence, stalled int64, lost uint64) Evidence {
		e.Stalled, e.Lost = stalled, lost
		return e
	}
	admin := with(told, dt, 0)
	admin.Admin = true
	for _, tt := range []struct {
		e    Evidence
		want string
	}{
		{expired, "peer"},
		{with(expired, dt/8, 0), "peer"},
		{with(expired, dt/4, 0), "stall"},
		{with(expired, dt, 1), "ring-overflow"},
		{told, "peer"},
		{with(told, dt, 5), "stall"}, // it did not hear us: what we lost is not why
		{admin, "peer"},
		{with(Evidence{Diag: packet.DiagNeighborDown, Detection: dt}, dt, 0), "peer"},
	} {
		if got := tt.e.suspect(); got != tt.want {
			t.Errorf("%s, want %s: %s", got, tt.want, fmt.Sprintf("%+v", tt.e))
		}
	}
}
