package daemon

import (
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// seconds is an instant in seconds since 1970, 0 for never: every session has
// three of them.
type seconds uint32

func secondsOf(t time.Time) seconds { return seconds(t.Unix()) }

// time returns the instant in UTC, nil for never.
func (s seconds) time() *time.Time {
	if s == 0 {
		return nil
	}
	t := time.Unix(int64(s), 0).UTC()
	return &t
}

// times are when something happened to a session last.
type times struct{ created, up, down seconds }

// entered notes a change of state at some ns since 1970.
func (t *times) entered(s packet.State, at int64) {
	switch now := secondsOf(time.Unix(0, at)); s {
	case packet.Up:
		t.up = now
	case packet.Down:
		t.down = now
	}
}

func (t *times) describe() control.Times {
	return control.Times{Created: t.created.time(), LastUp: t.up.time(), LastDown: t.down.time()}
}

// us returns a time in ns in microseconds.
func us(ns int64) uint64 { return uint64(max(ns, 0) / session.Microsecond) }
