package bench

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// seen is what the load peer keeps of one session. Times are CLOCK_MONOTONIC in
// nanoseconds, 0 for none.
type seen struct {
	lastRx       int64 // arrival of the last packet
	lastPeriodic int64 // of the last one that the peer's timer sent, as far as that can be told
	lastTx       int64 // see tap.Flush
	downAt       int64 // arrival of the first Down since the cut
	requiredRx   uint32
	state        packet.State // of the engine under test, as its last packet says
	up           bool         // our own session is
	quiet        bool         // nothing is sent
	cutRequired  uint32       // requiredRx when it fell silent: up, so that a Detection Time was agreed; 0 if not up
}

// gapCounts judges the gaps between packets of sessions that are up.
type gapCounts struct {
	Count          uint64 `json:"count"`
	Inside         uint64 `json:"inside"` // the jitter window of RFC 5880 §6.8.7
	Below          uint64 `json:"below"`
	AboveInterval  uint64 `json:"above_interval"`
	AboveDetection uint64 `json:"above_detection"` // any packet counts against silence
}

// watch looks at every packet of the engine under test. It belongs to the load
// peer's loop.
type watch struct {
	sessions  []seen
	heard     *hearing // what never comes here; nil if everything does
	interval  int64    // ns
	narrowest int64    // the jitter window's lower end
	detection int64

	rx, tx     uint64
	both       int   // sessions up at both ends
	allUpAt    int64 // when that was first all of them
	downs      uint64
	declared   uint64 // those that the engine under test declared by itself
	maxGap     int64
	gaps       gapCounts
	histogram  *hdrhistogram.Histogram // of the gaps, in us
	detections int                     // quiet sessions whose Down has arrived
}

// histogramMax is the longest time in us that is told apart from longer ones.
const histogramMax = 60_000_000

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, histogramMax, 3) }

func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns/1000, 0), histogramMax)) // in range, so it cannot fail
}

func newWatch(sessions int, interval int64, mult int) *watch {
	return &watch{
		sessions: make([]seen, sessions), interval: interval, narrowest: interval * 3 / 4,
		detection: interval * int64(mult), histogram: newHistogram(),
	}
}

// reset forgets everything but how the sessions stand; silences count from now.
func (w *watch) reset(now int64) {
	w.rx, w.tx, w.downs, w.declared, w.maxGap, w.gaps = 0, 0, 0, 0, 0, gapCounts{}
	w.histogram.Reset()
	w.heard.reset()
	for i := range w.sessions {
		w.sessions[i].lastRx, w.sessions[i].lastPeriodic = now, 0
	}
}

// own notes that our session k is up or not.
func (w *watch) own(k int, up bool, now int64) {
	s := &w.sessions[k]
	was := s.both()
	s.up = up
	w.count(s, was, now)
}

func (s *seen) both() bool { return s.up && s.state == packet.Up }

func (w *watch) count(s *seen, was bool, now int64) {
	switch is := s.both(); {
	case is && !was:
		if w.both++; w.both == len(w.sessions) && w.allUpAt == 0 {
			w.allUpAt = now
		}
	case was && !is:
		w.both--
	}
}

// received looks at a packet before the engine does.
func (w *watch) received(rx *engine.Rx) {
	d := rx.Dst
	k := sessionOf(d[13], d[14], d[15])
	if rx.Drop != packet.DropNone || k < 0 || k >= len(w.sessions) {
		return
	}
	var c packet.Control
	if c.Decode(rx.Payload) != packet.DropNone {
		return
	}
	w.rx++
	s := &w.sessions[k]
	at := int64(rx.Arrival)
	s.requiredRx = c.RequiredMinRx
	if s.state == packet.Up {
		s.lastRx = max(s.lastRx, w.heard.last(k))
		w.silence(s, at)
	}
	if c.State != s.state {
		w.changed(s, &c, at)
	}
	if c.State == packet.Up {
		w.gap(s, &c, at)
	}
	s.lastRx = max(s.lastRx, at)
}

func (w *watch) changed(s *seen, c *packet.Control, at int64) {
	was := s.both()
	if s.state == packet.Up {
		w.downs++
		if c.Diag == packet.DiagControlExpiry {
			w.declared++
		}
		if s.cutRequired != 0 && s.downAt == 0 {
			s.downAt = at
			w.detections++
		}
	}
	s.state = c.State
	s.lastPeriodic = 0
	w.count(s, was, at)
}

// silence measures how long a session that was up has said nothing. Any packet
// ends it.
func (w *watch) silence(s *seen, at int64) {
	if s.lastRx == 0 {
		return
	}
	g := at - s.lastRx
	w.maxGap = max(w.maxGap, g)
	if g > w.detection {
		w.gaps.AboveDetection++
	}
}

// longest is the longest silence of a session that was up, those included that
// last on.
func (w *watch) longest(now int64) int64 {
	longest := w.maxGap
	for i := range w.sessions {
		if s := &w.sessions[i]; s.state == packet.Up && s.lastRx != 0 {
			longest = max(longest, w.heard.gap(i), now-max(s.lastRx, w.heard.last(i)))
		}
	}
	return longest
}

// gap measures the time since the packet before that the timer sent. Only one
// that is neither Poll nor Final surely is.
func (w *watch) gap(s *seen, c *packet.Control, at int64) {
	if c.Final {
		return
	}
	if s.lastPeriodic != 0 && !c.Poll {
		g := at - s.lastPeriodic
		record(w.histogram, g)
		w.gaps.Count++
		switch {
		case g < w.narrowest:
			w.gaps.Below++
		case g > w.interval:
			w.gaps.AboveInterval++
		default:
			w.gaps.Inside++
		}
	}
	s.lastPeriodic = at
	if c.Poll {
		s.lastPeriodic = 0
	}
}

// detection is how a cut was noticed: times are CLOCK_MONOTONIC in nanoseconds.
type detection struct {
	Session    int   `json:"session"`
	LastTx     int64 `json:"last_tx"`    // our last packet
	DownAt     int64 `json:"down_at"`    // first packet with State Down, 0 if none came
	Negotiated int64 `json:"negotiated"` // Detection Time
}

// cut silences sessions from up to but without to, and returns how many of
// them are up: those should notice.
func (w *watch) cut(from, to int) (up int) {
	w.detections = 0
	for i := range w.sessions {
		s := &w.sessions[i]
		s.downAt, s.quiet = 0, i >= from && i < to
		if s.cutRequired = 0; s.quiet && s.both() {
			s.cutRequired = max(s.requiredRx, 1)
			up++
		}
	}
	return up
}

// detected tells what became of the sessions that fell silent while up.
func (w *watch) detected(mult int) (list []detection) {
	for k := range w.sessions {
		s := &w.sessions[k]
		if s.cutRequired != 0 {
			negotiated := int64(mult) * max(w.interval, int64(s.cutRequired)*1000)
			list = append(list, detection{k, s.lastTx, s.downAt, negotiated})
		}
	}
	return list
}
