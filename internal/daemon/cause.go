package daemon

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// causeOf says in one word why a session last changed: the diagnostic, but for
// what a diagnostic does not tell apart.
func causeOf(c engine.Change) string {
	switch {
	case c.To == packet.Up:
		return "up"
	case c.To == packet.Init:
		return "neighbor-heard"
	case c.From == packet.AdminDown && c.To == packet.Down:
		return "admin-up"
	case c.From == c.To:
		return "created"
	case c.Diag == packet.DiagNeighborDown && c.Remote == packet.AdminDown:
		return "remote-admin-down" // no failure (RFC 5882 §3.2)
	default:
		return c.Diag.String()
	}
}
