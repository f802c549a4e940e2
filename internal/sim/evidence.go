package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// checkEvidence is rule (p).
func (l *ledger) checkEvidence(f *engine.Failure) {
	if n := l.host.overflowed(); f.Lost > n {
		l.fail("(p) fails for the loss of %d frames, of which there were %d in all", f.Lost, n)
	}
	if session.Time(f.Stalled) > l.thread.late {
		l.fail("(p) fails for a stall of %d ns; all of them together were %d", f.Stalled, l.thread.late)
	}
}

// overflowed counts what the host had no room for.
func (h *Host) overflowed() (n uint64) {
	for _, nic := range h.NICs {
		for _, q := range nic.queues {
			n += q.Overflowed
		}
	}
	return n + h.Totals().Drops[packet.DropHandoffFull]
}
