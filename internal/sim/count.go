package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// tally is what a session should have counted.
type tally struct {
	received, discarded, transmitted uint64
	finalsDue, finals                uint64
}

// unaccounted are discards that frames of the Echo port cause, too.
var unaccounted = [packet.NumDrops]bool{
	packet.DropTTL: true, packet.DropFrame: true, packet.DropEchoAuth: true,
	packet.DropEchoStale: true, packet.DropEchoReplayed: true, packet.DropEchoRefused: true,
}

// checkCounts is rule (f) for one session, after each Step, and the part of
// rule (d) that is about answering: one Final for each Poll heard.
func (l *ledger) checkCounts(st *engine.Status) {
	var discarded uint64
	for d, n := range st.Discards {
		if !unaccounted[d] && l.params.Kind != session.Unaffiliated {
			discarded += n
		}
	}
	if l.params.Kind == session.Unaffiliated {
		discarded = l.discarded
	}
	switch {
	case st.Counters.Rx != l.received:
		l.fail("(f) counts %d packets received, was given %d", st.Counters.Rx, l.received)
	case discarded != l.discarded:
		l.fail("(f) counts %d packets discarded, was given %d to discard", discarded, l.discarded)
	case st.Counters.Tx != l.transmitted:
		l.fail("(f) counts %d packets sent, sent %d", st.Counters.Tx, l.transmitted)
	}
	if failed := st.Counters.TxFailed - l.status.Counters.TxFailed; l.finals > l.finalsDue || l.finals+failed < l.finalsDue {
		l.fail("(d) %d Finals for %d Polls (RFC 5880 §6.8.7)", l.finals, l.finalsDue)
	}
	// What failed for want of a buffer is lost; and one breach is told once.
	l.received, l.discarded, l.transmitted = st.Counters.Rx, discarded, st.Counters.Tx
	l.finals = l.finalsDue
}

// checkFrames is rule (f) for the frames of a world at rest.
func (v *Watch) checkFrames(hosts []*Host, links []*Link) {
	for _, link := range links {
		for _, l := range []*Wire{link.There, link.Back} {
			if l.Travelling != 0 || l.Offered+l.Duplicated != l.Lost+l.Delivered {
				v.fail(l.name, "(f) frames do not add up: %+v", l.Carried)
			}
		}
	}
	for _, h := range hosts {
		var taken, committed, refused, noRoom uint64
		for _, n := range h.NICs {
			var offered uint64
			for _, q := range n.queues {
				if q.Arrived != q.Overflowed+q.Taken+uint64(len(q.ring)) {
					v.fail(h.name, "(f) frames do not add up in a queue: %+v, %d waiting", q.Queued, len(q.ring))
				}
				taken += q.Taken
				committed += q.Committed
				refused += q.Refused
				noRoom += q.NoRoom
				offered += q.Committed - q.Refused
			}
			offered += n.Answered
			if offered+n.out.Injected != n.out.Offered {
				v.fail(h.name, "(f) %d frames left for the wire, which saw %d", offered, n.out.Offered)
			}
		}
		t := h.Totals()
		dropped := uint64(0)
		for d := range packet.NumDrops {
			dropped += t.Drops[d]
		}
		// What should have been looped and found no buffer is nowhere.
		if n := t.Rx + dropped + h.looped + h.returned; n > taken || n+noRoom < taken {
			v.fail(h.name, "(f) %d datagrams received, %d accepted, %d dropped, %d looped, %d came back", taken, t.Rx, dropped, h.looped, h.returned)
		}
		if t.Tx+h.echoFrames != committed || t.Refused != refused {
			v.fail(h.name, "(f) %d frames sent and %d refused, counted %d and %d", committed, refused, t.Tx, t.Refused)
		}
	}
}
