package session

import "github.com/xbfd/xbfd/packet"

// transition is one cell of the state machine: the state to go to, and the
// diagnostic to write when write is set.
type transition struct {
	to    packet.State
	diag  packet.Diag
	write bool
}

// fsm is RFC 5880 §6.2 and §6.8.6 as a table: fsm[local][received]. It depends
// on nothing but the two states. Local AdminDown never gets here: such packets
// are discarded before the state machine runs.
var fsm = [4][4]transition{
	packet.AdminDown: {
		packet.AdminDown: {to: packet.AdminDown},
		packet.Down:      {to: packet.AdminDown},
		packet.Init:      {to: packet.AdminDown},
		packet.Up:        {to: packet.AdminDown},
	},
	packet.Down: {
		packet.AdminDown: {to: packet.Down},
		packet.Down:      {to: packet.Init},
		packet.Init:      {to: packet.Up},
		// A session that went down waits here until the peer has left Up too.
		packet.Up: {to: packet.Down},
	},
	packet.Init: {
		packet.AdminDown: {to: packet.Down, diag: packet.DiagNeighborDown, write: true},
		packet.Down:      {to: packet.Init},
		packet.Init:      {to: packet.Up},
		packet.Up:        {to: packet.Up},
	},
	packet.Up: {
		packet.AdminDown: {to: packet.Down, diag: packet.DiagNeighborDown, write: true},
		packet.Down:      {to: packet.Down, diag: packet.DiagNeighborDown, write: true},
		packet.Init:      {to: packet.Up},
		packet.Up:        {to: packet.Up},
	},
}
