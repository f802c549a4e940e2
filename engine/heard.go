package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// HeardState says whether the packets that a session's peer repeats are heard by
// the XDP program alone, and if not, why.
type HeardState uint8

// The states.
const (
	HeardOff        HeardState = iota // no lane: switched off, no XDP, or all taken
	HeardNoPath                       // nothing leaves or arrives
	HeardNotUp                        // only while both ends are Up does a packet say nothing new
	HeardAuth                         // each packet must be verified
	HeardEcho                         // Echo is active
	HeardDemand                       // Demand mode is active
	HeardPoll                         // a Poll Sequence runs
	HeardCongestion                   // the session looks for lost packets (Params.Ceiling)
	HeardSource                       // the peer speaks from another address than its own
	HeardCapture                      // somebody watches every packet
	HeardWaiting                      // for a packet from the ring to expect the like of
	HeardActive
)

var heardStates = [...]string{"off", "no-path", "not-up", "authentication", "echo", "demand", "poll", "congestion-ceiling", "peer-source", "capture", "waiting", "active"}

func (s HeardState) String() string { return heardStates[s] }

// heardState says how a session stands with its lane.
func (w *Worker) heardState(sl *slot) HeardState {
	s := &sl.session
	use, _, armed := s.Auth()
	local, remote := s.Demand()
	switch {
	case sl.lane == 0 || s.Params().Kind == session.Unaffiliated:
		return HeardOff
	case sl.port < 0:
		return HeardNoPath
	case s.State() != packet.Up || s.Remote().State != packet.Up:
		return HeardNotUp
	case use.Type != 0 || armed:
		return HeardAuth
	case sl.echo != 0 && w.echoState(sl) == EchoActive:
		return HeardEcho
	case local || remote:
		return HeardDemand
	case !s.PollIdle():
		return HeardPoll
	case s.Params().Ceiling != 0:
		return HeardCongestion
	case sl.otherSrc != packet.Addr{}:
		return HeardSource
	case sl.watched:
		return HeardCapture
	case !sl.heard:
		return HeardWaiting
	}
	return HeardActive
}

// expect lets the XDP program hear packets like the one that a session has just
// accepted. One that says something else than those expected so far ends the
// expectation of these, whether or not it can be expected itself.
func (w *Worker) expect(i uint32, c *packet.Control, rx *Rx, ifindex int32, now session.Time) {
	sl := &w.slots[i]
	if sl.lane == 0 || rx.Frame == nil || c.Poll || c.Final || w.heardState(sl) < HeardWaiting {
		w.unexpect(sl)
		return
	}
	if !w.engine.lanes.Expect(int(sl.lane-1), rx.Frame, ifindex, int64(rx.Arrival)) {
		w.unexpect(sl)
		return
	}
	if !sl.heard {
		w.recorder.Expect(i, w.engine.lanes.Count(int(sl.lane-1)))
	}
	sl.heard = true
	w.insure(i, now)
}

// unexpect has every packet of a session come through the ring again.
func (w *Worker) unexpect(sl *slot) {
	if sl.heard {
		w.recordHeard(sl)
		w.engine.lanes.Refuse(int(sl.lane - 1))
		w.uninsure(sl)
		w.listen(sl)
		sl.heard = false
	}
}

// listen brings a session up to date with what the XDP program has heard for it,
// while everything by which that is measured is still as it was.
func (w *Worker) listen(sl *slot) {
	if !sl.heard {
		return
	}
	lane := int(sl.lane - 1)
	sl.session.Heard(session.Time(w.engine.lanes.Last(lane)))
	if gap := w.engine.lanes.TakeGap(lane); gap > 0 {
		w.noteGap(sl, gap, sl.session.LastRx())
	}
}

// laneCounts returns how many packets were heard and answered for a session.
func (w *Worker) laneCounts(sl *slot) (heard, answered uint64) {
	if sl.lane == 0 {
		return 0, 0
	}
	lane := int(sl.lane - 1)
	return w.engine.lanes.Count(lane), w.engine.lanes.Insured(lane)
}

// Lane returns the index of a session's lane in Config.Lanes, and false if it
// has none.
func (e *Engine) Lane(discr uint32) (lane int, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.sessions[discr]; r != nil && r.lane != 0 {
		return int(r.lane - 1), true
	}
	return 0, false
}
