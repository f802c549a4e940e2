package daemon

import (
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/eventlog"
)

// maxNearMisses is how many near misses a second are told one by one. When a link
// with thousands of sessions is bad, the events of those that fail must stay
// readable.
const maxNearMisses = 20

// warnEvery is how often the log warns of near misses at most: a host that is too
// busy for its sessions has them all the time.
const warnEvery = time.Minute

// nearMisses are those of the present second, and those that the log has not
// warned of yet.
type nearMisses struct {
	second time.Time
	told   int
	more   uint64 // that are only counted

	warned   time.Time
	unwarned uint64
}

// noteRare is told by the speaker of near misses and stalls, and how many more
// there were than it could tell of.
func (d *Daemon) noteRare(notes []engine.Note, unsaid uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flushNearMisses(time.Now())
	d.misses.more += unsaid
	d.misses.unwarned += unsaid
	for i := range notes {
		switch n := &notes[i]; n.Kind {
		case engine.NearMiss:
			d.misses.unwarned++
			d.recordNearMiss(n)
		case engine.Stall:
			d.recordStall(n)
		}
	}
}

// recordNearMiss makes a near miss an event of its session, or counts it. d.mu is held, as in all that follows.
func (d *Daemon) recordNearMiss(n *engine.Note) {
	h := d.byDiscr.Get(n.Discr)
	if h == nil || d.misses.told == maxNearMisses {
		d.misses.more++
		return
	}
	d.misses.told++
	r := d.about(h, eventlog.NearMiss, "near-miss")
	r.At -= int64(wire.Now() - n.At)
	r.Count, r.Evidence = n.Count, eventlog.Evidence{Silent: n.Gap, Detection: n.DetectionTime}
	r.Heard, r.LastRx = true, n.Gap
	d.events.Add(r)
	d.debugEvents.Debug("near miss", "session", n.Discr, "peer", h.peer.Peer.String(), "ifname", r.Interface,
		"gap", time.Duration(n.Gap), "detection-time", time.Duration(n.DetectionTime), "count", n.Count)
}

// flushNearMisses tells of those that were only counted, once their second is over.
func (d *Daemon) flushNearMisses(now time.Time) {
	m := &d.misses
	if now.Sub(m.second) < time.Second {
		return
	}
	if m.more > 0 {
		d.events.Add(eventlog.Record{At: now.UnixNano(), Kind: eventlog.NearMiss, Cause: "near-miss", Count: m.more})
	}
	m.second, m.told, m.more = now, 0, 0
	if m.unwarned > 0 && now.Sub(m.warned) >= warnEvery {
		d.log.Warn("sessions came near to failing", "near-misses", m.unwarned)
		m.warned, m.unwarned = now, 0
	}
}

func (d *Daemon) recordStall(n *engine.Note) {
	now := time.Now()
	d.events.Add(eventlog.Record{
		At: now.UnixNano() - int64(wire.Now()-n.At), Kind: eventlog.Stall, Cause: "stall",
		Worker: n.Worker, Count: n.Count, Evidence: eventlog.Evidence{Stalled: n.Late},
	})
	d.debugEvents.Debug("worker stalled", "worker", n.Worker, "stalled", time.Duration(n.Late), "count", n.Count)
}
