package fastpath

import "sync/atomic"

// Answer is one of the two places of a Reply, as struct answer in
// bpf/src/insure.h.
type Answer struct {
	Len  uint64 // of the frame without its tag; 0: there is none. Above 32 bits, tag
	Out  uint64 // index of the interface by which it leaves; 0: where what it answers came in
	Word [words]uint64
}

func (a *Answer) size() int { return int(uint32(a.Len)) }

// tag is that of the frame, 0 without one.
func (a *Answer) tag() uint32 { return uint32(a.Len >> 32) }

// Reply is what the programs send for a lane while the engine does not, as
// struct reply in bpf/src/insure.h. Gen and Answer are as in an Image, their memory
// order too.
type Reply struct {
	Gen    uint64
	Gap    int64  // nanoseconds from one reply to the next, at least
	Count  uint64 // replies sent
	Answer [2]Answer
}

// Pulse tells the programs that the engine lives, as struct pulse in
// bpf/src/insure.h.
type Pulse struct {
	Beat     int64 // the engine's last turn
	Patience int64 // nanoseconds after it for which replies are sent
}

func (r *Reply) set(frame []byte, out int32) bool {
	var room [len6]byte
	bare, tag := untag(frame, &room)
	frame = plain(bare)
	if frame == nil {
		return false
	}
	a := Answer{Len: uint64(len(frame)) | uint64(tag)<<32, Out: uint64(out), Word: toWords(frame)}
	if a != r.Answer[r.Gen&1] {
		r.turn(a)
	}
	return true
}

func (r *Reply) turn(a Answer) {
	next := r.Gen + 1
	to := &r.Answer[next&1]
	atomic.StoreUint64(&to.Len, a.Len)
	atomic.StoreUint64(&to.Out, a.Out)
	storeWords(&to.Word, &a.Word)
	atomic.StoreUint64(&r.Gen, next)
}
