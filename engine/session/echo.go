package session

import "github.com/xbfd/xbfd/packet"

// EchoInterval returns the microseconds between Echo packets that the session
// may send now, 0 if none: only while Up, and never faster than the peer's last
// Required Min Echo RX (RFC 5880 §6.8.9).
func (s *Session) EchoInterval() uint32 {
	if s.params.EchoTx == 0 || s.params.Kind != SingleHop || s.state != packet.Up || s.remoteMinEchoRx == 0 {
		return 0
	}
	return max(s.params.EchoTx, s.remoteMinEchoRx)
}

// SetEchoing says whether our Echo guards the path: Control packets may then be
// as slow as one in a second, which is advertised by Poll (RFC 5880 §6.8.3).
func (s *Session) SetEchoing(now Time, on bool, rng *Rand) Outcome {
	if on == s.echoing || on && s.state != packet.Up {
		return 0
	}
	s.echoing = on
	return s.advertise(now, false, rng)
}

// EchoFailed takes the session down for lost Echo packets (RFC 5880 §6.8.5). The
// peer's discriminator stays known: its Control packets go on arriving.
func (s *Session) EchoFailed(now Time, rng *Rand) Outcome {
	if s.state != packet.Up {
		return 0
	}
	return s.enter(packet.Down, packet.DiagEchoFailed, true, now, rng)
}

// OfferEcho advertises a Required Min Echo RX in microseconds; 0 says that no
// Echo packets are looped here.
func (s *Session) OfferEcho(now Time, us uint32, rng *Rand) Outcome {
	if us == s.offered {
		return 0
	}
	s.offered = us
	return s.contentChanged(now, false, rng)
}

// Offered returns the Required Min Echo RX that packets carry.
func (s *Session) Offered() uint32 { return s.offered }

// echoRun bounds how far numbers of one run lie apart: what is further behind is
// of a run before.
const echoRun = 1 << 16

// Echo is the schedule and the judgement of a session's own Echo packets. The
// zero Echo is stopped. Like a Session it is a value without pointers.
type Echo struct {
	interval int64 // ns; 0: stopped
	mult     int64
	proven   bool   // one has come back since the start
	jitter   uint16 // of the present gap
	seq      uint32 // of the latest one sent
	back     uint32 // of the latest one that has come back: those after it are out
	lastTx   Time
	lastBack Time // arrival of the latest one accepted
	from     Time // when the Detection Time began: at lastBack, or later if we were late

	Sent, Returned uint64
	RTT            RTT
}

// Run starts Echo, changes its interval (µs) and multiplier, or stops it (0).
// The first packet is due at once, but the peer's Required Min Echo RX holds over
// stops, too (RFC 5880 §6.8.9).
func (e *Echo) Run(now Time, us uint32, mult uint8, rng *Rand) {
	was, borne := e.interval, e.DetectionTime()
	e.interval, e.mult = int64(us)*Microsecond, int64(mult)
	switch {
	case us == 0:
	case was == 0:
		// A random start: one who listens cannot foresee numbers across runs.
		e.seq, e.proven = uint32(rng.Uint64()), false
		e.back = e.seq
		if e.Sent == 0 {
			e.lastTx = now - Time(e.interval)
		}
		e.draw(rng)
	default:
		// A Detection Time that becomes shorter has not passed for that.
		e.begin(Time(borne-e.DetectionTime()), now)
	}
}

// begin lets the Detection Time begin later, but not after now.
func (e *Echo) begin(later, now Time) { e.from = max(e.from, min(e.from+later, now)) }

// Running reports whether Echo packets are sent.
func (e *Echo) Running() bool { return e.interval != 0 }

// Proven reports whether one has come back since the start.
func (e *Echo) Proven() bool { return e.proven }

// Interval returns the time between two packets, less jitter, in µs.
func (e *Echo) Interval() uint32 { return uint32(e.interval / Microsecond) }

// DetectionTime returns how long the loss of all packets is borne, in ns.
func (e *Echo) DetectionTime() int64 { return e.mult * e.interval }

// LastReturn returns when the latest accepted packet came back; it means nothing
// until one has.
func (e *Echo) LastReturn() Time { return e.lastBack }

// DetectDeadline is when lost packets prove a failure: Never before one has come
// back, because then nothing says that the peer loops at all, and never for
// packets that we were too late to send.
func (e *Echo) DetectDeadline() Time {
	if !e.proven || e.interval == 0 || e.seq == e.back {
		return Never
	}
	return e.from + Time(e.DetectionTime())
}

func (e *Echo) txDeadline() Time {
	if e.interval == 0 {
		return Never
	}
	g := grain(e.interval)
	return Time((int64(e.lastTx) + gap(e.interval, e.mult, e.jitter, 0) + g - 1) &^ (g - 1))
}

// Deadline is when Expire must be called next.
func (e *Echo) Deadline() Time { return min(e.txDeadline(), e.DetectDeadline()) }

// Expire says what is due at now: a packet to send, or the session's failure,
// which stops Echo. judge is as for Session.Expire.
func (e *Echo) Expire(now Time, judge bool, rng *Rand) (send, failed bool) {
	due := e.txDeadline()
	if now > due {
		e.begin(now-due, now) // what has not left cannot be lost
	}
	if judge && now >= e.DetectDeadline() {
		e.Run(now, 0, 0, rng)
		return false, true
	}
	if now < due {
		return false, false
	}
	e.lastTx = now
	e.draw(rng)
	e.seq++
	e.Sent++
	return true, false
}

// Unsent takes back the packet that Expire has just asked for and that could not
// leave: what was not sent cannot be lost.
func (e *Echo) Unsent() { e.seq, e.Sent = e.seq-1, e.Sent-1 }

// Seq returns the number of the packet that Expire has just asked for.
func (e *Echo) Seq() uint32 { return e.seq }

func (e *Echo) draw(rng *Rand) { e.jitter = uint16(rng.Uint64() >> 48) }

// Return takes a packet of ours, whose seal was found right, that arrived at
// arrival. Late ones and those that came back before prove nothing. first says
// that it is the first since the start.
func (e *Echo) Return(arrival Time, seq uint32, sent Time) (d packet.Drop, first bool) {
	age := arrival - sent
	switch {
	case e.interval == 0 || e.seq-seq >= echoRun || age < 0 || int64(age) > e.DetectionTime():
		return packet.DropEchoStale, false
	case seq-e.back-1 >= e.seq-e.back:
		return packet.DropEchoReplayed, false // that one or a newer one has come back
	}
	e.back = seq
	e.lastBack = max(e.lastBack, arrival)
	e.from = max(e.from, arrival)
	e.Returned++
	e.RTT.add(int64(age))
	first = !e.proven
	e.proven = true
	return packet.DropNone, first
}
