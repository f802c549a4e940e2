package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// poll follows the Poll Sequences of a session from outside (RFC 5880 §6.5).
type poll struct {
	polling bool         // the last packet had P
	final   bool         // a Final has come since P was last sent
	finalAt session.Time // the Step that took the last one
	mustEnd bool         // the next packet must not have P
	changes int          // of timers, since the last Poll that settled them
	quiet   int          // 1: a packet without P was sent; 2: and then one without F heard,
	quietAt session.Time // in the Step at this instant
}

// timerChanges: a Poll must start, or another after the one that runs.
func (l *ledger) timerChanges(n int) {
	l.poll.changes += n
	l.poll.mustEnd = false
	l.poll.quiet = 0
}

func (p *poll) hears(c *packet.Control, now session.Time) {
	if !c.Final {
		if p.quiet == 1 {
			p.quiet, p.quietAt = 2, now
		}
		return
	}
	if first := !p.final; first && p.polling {
		// One change: this Final answers it. Several: it may answer the first
		// only, and one more Poll covers the others (§6.8.3).
		p.mustEnd = p.changes <= 1
		p.changes = min(max(p.changes-1, 0), 1)
	}
	p.final, p.finalAt = true, now
	p.quiet = min(p.quiet, 1) // another Poll may have begun in between
}

// settled tells whether the packet sent shows that no Poll holds anything back:
// P clear, then a packet without F heard, then P still clear.
func (p *poll) settled(c *packet.Control, now session.Time) bool {
	return !c.Poll && p.quiet == 2 && p.quietAt < now
}

// pollSent is rule (d) for a packet that is no Final.
func (l *ledger) pollSent(now session.Time, c *packet.Control) {
	p := &l.poll
	news := l.spoken && (c.DesiredMinTx != l.last.DesiredMinTx || c.RequiredMinRx != l.last.RequiredMinRx || c.Demand != l.last.Demand)
	if news {
		p.mustEnd = false
	}
	// Of a packet sent in the Step that took the Final nobody can tell which
	// was first.
	after := p.finalAt != now
	switch {
	case c.Poll && p.mustEnd && after && !l.demand.ever && l.params.Ceiling == 0: // which poll for their own ends, too
		l.doubt = "(d) still polls after the Final"
	case !c.Poll && p.polling && !p.final:
		l.doubt = "(d) ends a Poll that was not answered"
	case !c.Poll && news && (!p.final || p.settled(c, now)):
		l.doubt = fmt.Sprintf("(d) changes from %d/%d, D %v to %d/%d, D %v without a Poll",
			l.last.DesiredMinTx, l.last.RequiredMinRx, l.last.Demand, c.DesiredMinTx, c.RequiredMinRx, c.Demand)
	}
	p.polling = c.Poll
	switch {
	case c.Poll:
		p.quiet = 0
		if after {
			p.final, p.mustEnd = false, false
		}
	case p.settled(c, now):
		p.changes, p.mustEnd = 0, false
	case p.quiet == 0:
		p.quiet, p.mustEnd = 1, false
	}
}

// polled: the operator asks for a Poll of his own.
func (l *ledger) polled() {
	if l != nil {
		l.timerChanges(1)
	}
}
