package session

import (
	"math/bits"

	"github.com/xbfd/xbfd/packet"
)

// maxGrain bounds how far periodic sends are rounded up onto a common grid.
const maxGrain = 1 << 20 // about 1.05 ms

// Extra packets: each change of content may go out between periodic packets
// (RFC 5880 §6.8.7), but input that flaps must not drive our rate without
// bound, so a small bucket pays for them. Its last packet is kept for AdminDown,
// which the peer must hear before its Detection Time has passed.
const (
	extraBurst  = 5
	extraKept   = 1
	extraRefill = Time(100 * Millisecond)
)

// wantedTx is the Desired Min TX Interval to advertise in the present state:
// at least a second unless Up (RFC 5880 §6.8.3).
func (s *Session) wantedTx() uint32 {
	us := s.params.DesiredMinTx
	if s.state != packet.Up {
		return max(us, SlowInterval)
	}
	return s.congestion.stretch(us, s.params.Ceiling)
}

// wantedRx is the Required Min RX Interval to advertise: at least a second while
// Echo guards the path (RFC 5880 §6.8.3).
func (s *Session) wantedRx() uint32 {
	us := s.params.RequiredMinRx
	if s.state == packet.Up {
		us = s.congestion.stretch(us, s.params.Ceiling)
	}
	if s.echoing {
		us = max(us, SlowInterval)
	}
	return us
}

// setTx advertises a Desired Min TX Interval. An increase while Up is not timed
// before the Poll has ended, everything else at once (RFC 5880 §6.8.3). The
// caller sees to the Poll if anything changed.
func (s *Session) setTx(us uint32) (changed bool) {
	if us == s.desiredMinTx {
		return false
	}
	s.desiredMinTx = us
	if s.state != packet.Up || us < s.txInForce || s.params.Kind == Unaffiliated {
		s.txInForce = us
	}
	return true
}

// setRx advertises a Required Min RX Interval. A reduction while Up does not
// shorten the Detection Time before the Poll has ended (RFC 5880 §6.8.3).
func (s *Session) setRx(us uint32) (changed bool) {
	if us == s.requiredMinRx {
		return false
	}
	s.requiredMinRx = us
	if s.state != packet.Up || us > s.rxInForce {
		s.rxInForce = us
	}
	return true
}

// TxInterval is the negotiated transmit interval in microseconds: the greater
// of our Desired Min TX in force and the peer's Required Min RX (RFC 5880
// §6.8.7). 0 means that the peer asked for no periodic packets.
func (s *Session) TxInterval() uint32 {
	if s.remoteMinRx == 0 {
		return 0
	}
	return max(s.txInForce, s.remoteMinRx)
}

// DetectionTime in nanoseconds: the peer's multiplier times the greater of our
// Required Min RX in force and the peer's Desired Min TX; in Demand mode our
// multiplier times our transmit interval, and so with unaffiliated Echo, where
// the packets are our own (RFC 5880 §6.8.4, RFC 9747 §2). It reaches 1.1e15 (12.7
// days), beyond 32 bits even in microseconds. 0 before the peer was first heard.
func (s *Session) DetectionTime() int64 {
	if s.demand || s.params.Kind == Unaffiliated {
		return int64(s.params.DetectMult) * int64(max(s.txInForce, s.remoteMinRx)) * Microsecond
	}
	return int64(s.remoteMult) * int64(max(s.rxInForce, s.remoteMinTx)) * Microsecond
}

// Narrow reports whether a packet that arrives gap ns after the one before comes so
// late that, had it been lost as well, the session would have failed: the next one
// comes three quarters of an interval later at the soonest (RFC 5880 §6.8.7), and
// there was less left of the Detection Time. Where a single lost packet is a
// failure anyway, it is one that leaves less than a twentieth of the interval; a
// peer's jitter leaves a tenth.
func (s *Session) Narrow(gap int64) bool {
	detection, mult := s.DetectionTime(), int64(s.remoteMult)
	if s.demand || s.params.Kind == Unaffiliated {
		mult = int64(s.params.DetectMult)
	}
	if mult == 0 {
		return false
	}
	interval := detection / mult
	least := interval * 3 / 4
	if mult == 1 {
		least = interval / 20
	}
	return detection-gap < least
}

// spare sees to it that a Detection Time which was borne ns until now, and which
// is shorter at once because it is made of our own variables, has not passed for
// that: those of Demand mode and of unaffiliated Echo.
func (s *Session) spare(borne int64, now Time) {
	less := Time(borne - s.DetectionTime())
	switch {
	case less <= 0:
	case s.params.Kind == Unaffiliated:
		s.lastRx = max(s.lastRx, min(s.lastRx+less, now))
	case s.demand && s.pollAt != Never:
		s.pollAt = max(s.pollAt, min(s.pollAt+less, now))
	}
}

// PeerDetectionTime in nanoseconds: how long the peer, by what we have told it,
// waits for us before it declares the session Down.
func (s *Session) PeerDetectionTime() int64 {
	return int64(s.params.DetectMult) * int64(max(s.desiredMinTx, s.remoteMinRx)) * Microsecond
}

// grain is the grid that periodic sends with this interval (ns) are rounded up
// to: a power of two, so that the grids of different sessions nest and one
// wake-up serves many, and at most a sixteenth of the interval.
func grain(interval int64) int64 {
	if interval < 32 {
		return 1
	}
	return min(int64(1)<<(bits.Len64(uint64(interval/16))-1), maxGrain)
}

// Grid is how much finer than usual, in powers of two, the grid is that periodic
// sends are rounded up to. Where very many sessions are, fewer of them then send
// at one instant.
type Grid uint8

func (f Grid) grain(interval int64) int64 { return max(grain(interval)>>f, 1) }

// SetGrid changes the session's grid, from the gap that runs on.
func (s *Session) SetGrid(f Grid) { s.grid = f }

// Grain is the time in nanoseconds within which sessions with this interval would
// send at one instant on the usual grid.
func (s *Session) Grain() int64 { return grain(int64(max(s.txInForce, s.remoteMinRx)) * Microsecond) }

// gap is the time in nanoseconds from the last periodic packet to the next,
// before rounding up to the grid.
func (s *Session) gap() int64 {
	return gap(int64(max(s.txInForce, s.remoteMinRx))*Microsecond, int64(s.params.DetectMult), s.jitter, s.grid)
}

// gap is an interval of t ns less a random 0 to 25 %, or 10 to 25 % with a Detect
// Mult of 1 (RFC 5880 §6.8.7). The window ends one grain early so that rounding
// never leaves it.
func gap(t, mult int64, jitter uint16, f Grid) int64 {
	lo, hi := t-t/4, t
	if mult == 1 {
		hi = t - t/10
	}
	hi = max(lo, hi-f.grain(t))
	return lo + (hi-lo)*int64(jitter)>>16
}

// draw makes the jitter of the next gap.
func (s *Session) draw(rng *Rand) { s.jitter = uint16(rng.Uint64() >> 48) }

// maySend reports whether anything but a Final may leave: a passive session
// that does not hear its peer is silent (RFC 5880 §6.8.7), and so is an
// unaffiliated one that is disabled: its AdminDown would tell nobody (RFC 9747 §2).
func (s *Session) maySend() bool {
	if s.params.Kind == Unaffiliated {
		return !s.off
	}
	return !s.params.Passive || s.remoteDiscr != 0
}

// txDeadline is when the next periodic packet is due.
func (s *Session) txDeadline() Time {
	if !s.maySend() || s.remoteMinRx == 0 || s.remoteDemandActive() && !s.Polling() {
		return Never
	}
	g := s.grid.grain(int64(max(s.txInForce, s.remoteMinRx)) * Microsecond)
	return Time((int64(s.lastTx) + s.gap() + g - 1) &^ (g - 1))
}

// DetectDeadline is when the peer will have been silent for a Detection Time:
// Never while it is not being heard at all. In Demand mode silence means nothing
// but after a Poll, from its first packet on (RFC 5880 §6.8.4).
func (s *Session) DetectDeadline() Time {
	switch {
	case s.remoteDiscr == 0:
		return Never
	case !s.demand:
		return s.lastRx + Time(s.DetectionTime())
	case s.Polling() && s.pollAt != Never:
		return s.pollAt + Time(s.DetectionTime())
	}
	return Never
}

// Deadline is when Expire must be called next.
func (s *Session) Deadline() Time {
	return min(s.txDeadline(), s.DetectDeadline(), s.checkDeadline(), s.calmDeadline())
}

// Expire does what is due at now. judge says whether every packet that arrived
// before the detection deadline has been handed to Receive; while it has not,
// silence is not yet proven and only sending is looked at (RFC 5880 §6.8.4).
func (s *Session) Expire(now Time, judge bool, rng *Rand) Outcome {
	var out Outcome
	if due := s.txDeadline(); s.demand && s.Polling() && s.pollAt != Never && now > due {
		// A Poll that we were too late to repeat is not unanswered for that long.
		s.pollAt = min(s.pollAt+now-due, now)
	}
	if judge && now >= s.DetectDeadline() {
		out = s.peerSilent(now, rng)
	}
	for now >= s.checkDeadline() {
		s.check()
	}
	if now >= s.calmDeadline() {
		out |= s.calmed(now, rng)
	}
	if due := s.txDeadline(); now >= due {
		out |= s.noteLate(now, due, rng)
		out |= s.sent(now, rng)
	}
	return out
}

// peerSilent: the Detection Time has passed. The peer is forgotten in every
// state (RFC 5880 §6.8.1, §6.8.18); a session in Init or Up goes Down (§6.8.4).
func (s *Session) peerSilent(now Time, rng *Rand) Outcome {
	s.remoteDiscr = 0
	s.remoteMinRx = 1
	s.remoteState = packet.Down
	s.remoteDemand = false
	if s.state == packet.Init || s.state == packet.Up {
		diag := packet.DiagControlExpiry
		if s.params.Kind == Unaffiliated {
			diag = packet.DiagEchoFailed // RFC 9747 §2
		}
		return s.enter(packet.Down, diag, true, now, rng)
	}
	return s.contentChanged(now, false, rng)
}

// sent notes a packet of the periodic schedule leaving now.
func (s *Session) sent(now Time, rng *Rand) Outcome {
	s.lastTx = now
	if s.Polling() && s.pollAt == Never {
		s.pollAt = now
	}
	s.draw(rng)
	return Send
}

// contentChanged lets the new content leave at once, in place of the pending
// periodic packet (RFC 5880 §6.8.7), if the bucket allows; otherwise it rides
// on the next one. New timers take a Poll (poll), and so does any change with
// either end in demand mode (§6.6); one Poll serves them all.
func (s *Session) contentChanged(now Time, poll bool, rng *Rand) Outcome {
	if (poll || s.demand || s.remoteDemandActive()) && s.params.Kind != Unaffiliated {
		s.startPoll()
	}
	if n := (now - s.extraAt) / extraRefill; n > 0 {
		s.extra = uint8(min(int64(s.extra)+int64(n), extraBurst))
		s.extraAt += n * extraRefill
	}
	need := uint8(1)
	if s.state != packet.AdminDown {
		need += extraKept
	}
	if s.extra < need || !s.maySend() {
		return Content
	}
	s.extra--
	return Content | s.sent(now, rng)
}
