package engine

import "github.com/xbfd/xbfd/engine/session"

// A port is given no more frames in one go than the other end surely takes: a veth
// has room for 256, which its other end's processor has to empty.
const (
	// flushMost is after how many frames a port is flushed, whatever else is to do.
	flushMost = 192
	// gridMost is how many periodic packets shall at most be due at one instant, on
	// an average; with the spread of chance they stay below flushMost.
	gridMost = 160
	// gridFinest is a grid of 16 us at intervals of 10 ms and more.
	gridFinest = session.Grid(6)
	gridWindow = session.Time(250 * session.Millisecond)
)

// grid finds out how many periodic packets leave a port at one instant and chooses
// the grid of its sessions accordingly: the usual one serves many sessions by one
// wake-up, and thousands would make a burst of each.
type grid struct {
	fine  session.Grid
	since session.Time
	crowd int64 // of the packets since then, how much time each shares with others, ns
}

// note counts a periodic packet that is due with all others within grain.
func (g *grid) note(grain int64, now session.Time) {
	g.crowd += grain
	if now-g.since < gridWindow {
		return
	}
	mean := g.crowd / int64(now-g.since)
	for g.fine = 0; mean > gridMost && g.fine < gridFinest; g.fine++ {
		mean /= 2
	}
	g.since, g.crowd = now, 0
}
