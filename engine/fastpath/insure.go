package fastpath

import (
	"sync/atomic"
	"time"
)

// DefaultPatience is how long an engine that makes no turn is taken for alive.
const DefaultPatience = 3 * time.Second

// Insure has frame sent as the reply to what a lane hears from the time gate on,
// and then at most once in each gap; gate must not be 0. It reports whether frame
// is one that can be sent. frame is the session's own packet, P and F clear, of
// the same IP version as what is expected: to others there is no reply. It leaves by
// the interface out, or, if that is 0, by the one that is heard on; only from there
// must it have the same VLAN.
func (l *Lanes) Insure(lane int, gate, gap int64, frame []byte, out int32) bool {
	r := &l.Replies[lane]
	if !r.set(frame, out) {
		l.Uninsure(lane)
		return false
	}
	atomic.StoreInt64(&r.Gap, gap)
	l.Shut(lane, gate)
	return true
}

// Shut lets no reply be sent before gate: for each packet that the engine itself
// sends for a lane that is insured.
func (l *Lanes) Shut(lane int, gate int64) { atomic.StoreInt64(&l.Heard[lane].Gate, gate) }

// Uninsure ends Insure. The reply goes as well as the gate: a program that is
// just sending one writes the gate once more.
func (l *Lanes) Uninsure(lane int) {
	l.Shut(lane, 0)
	if r := &l.Replies[lane]; r.Answer[r.Gen&1].Len != 0 {
		r.turn(Answer{})
	}
}

// Insured returns how many replies have been sent for a lane.
func (l *Lanes) Insured(lane int) uint64 { return atomic.LoadUint64(&l.Replies[lane].Count) }

// Beat tells the programs that the engine made a turn at now. Nothing else hangs on
// when that is seen: one that is seen late lets a reply go unsent, or sends one that
// the gate has allowed.
func (l *Lanes) Beat(now int64) { atomic.StoreInt64(&l.Pulse.Beat, now) }

// SetPatience says for how long after the last Beat replies are sent.
func (l *Lanes) SetPatience(d time.Duration) { atomic.StoreInt64(&l.Pulse.Patience, int64(d)) }

// reply plays the program's part: the frame that is due for a lane that has just
// heard one, or nil.
func (l *Lanes) reply(lane int, heard []byte, now int64) []byte {
	h, r := &l.Heard[lane], &l.Replies[lane]
	if h.Gate == 0 || now < h.Gate || now-l.Pulse.Beat > l.Pulse.Patience {
		return nil
	}
	a := &r.Answer[r.Gen&1]
	var room [len6]byte
	bare, tag := untag(heard, &room)
	if a.size() != len(plain(bare)) || a.Out == 0 && !sameVLAN(a.tag(), tag) {
		return nil
	}
	h.Gate = now + r.Gap
	r.Count++
	frame := make([]byte, a.size()+tagLen)
	n := putWords(&a.Word, frame[:a.size()])
	return frame[:retag(frame, n, a.tag())]
}
