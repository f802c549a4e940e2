package flight

import (
	"bytes"

	"github.com/xbfd/xbfd/packet"
)

// Options make a Recorder.
type Options struct {
	Frames    int  // kept of one session at most; 0 records nothing
	Pool      int  // kept of all sessions together
	Passwords bool // as they are, instead of masked
}

// MaxFrames is the most that Options.Frames may be.
const MaxFrames = 255

// Recorder keeps frames of the sessions of one worker, which it knows by small
// numbers. Grow makes room for a session before anything else is done with it.
type Recorder struct {
	o        Options
	seed     uint64
	pool     []entry // place 0 is none
	made     uint32  // places ever used
	free     uint32  // first of those to use again
	hand     uint32  // where the pool is looked at for somebody to lose a frame
	sessions []history
}

// entry is one kept frame.
type entry struct {
	at, last int64
	repeats  uint64
	heard    uint64
	slot     uint32
	next     uint32 // newer one of the same session; or next free one
	len      uint16
	n        uint8
	bfd      uint8
	kind     kind
	drop     packet.Drop
	noLink   bool
	rebuilt  bool
	data     [room]byte
}

// history is what the recorder keeps of a session besides its frames.
type history struct {
	expected       uint64 // frames heard in all, before those that count as repeats of the latest
	oldest, newest uint32
	latest         [kinds]uint32 // the frame that repeats are counted at; 0 when it is gone
	says           [sent]uint32  // what the latest frames received and discarded say, as a hash
	n, discarded   uint8         // frames kept, and those of them that were discarded
	fresh          bool          // what is sent next may be new
}

// New makes a Recorder. seed makes what frames say hard to imitate.
func New(o Options, seed uint64) *Recorder {
	o.Frames = min(o.Frames, MaxFrames)
	r := &Recorder{o: o, seed: seed}
	if r.On() {
		r.pool = make([]entry, 1+o.Pool)
		clear(r.pool) // all the memory is taken now: no worker waits for a page of it
	}
	return r
}

// On reports whether anything is recorded.
func (r *Recorder) On() bool { return r.o.Frames > 0 && r.o.Pool > 0 }

// Grow makes room for sessions below n.
func (r *Recorder) Grow(n int) {
	if r.On() && n > len(r.sessions) {
		r.sessions = append(r.sessions, make([]history, n-len(r.sessions))...)
	}
}

// Forget makes a number ready for another session.
func (r *Recorder) Forget(slot uint32) {
	if !r.On() {
		return
	}
	for h := &r.sessions[slot]; h.oldest != 0; {
		r.release(r.lose(slot))
	}
	r.sessions[slot] = history{}
}

// Received records a frame that arrived.
func (r *Recorder) Received(slot uint32, s Seen) {
	if !r.On() {
		return
	}
	k := received
	if s.Drop != packet.DropNone {
		k = discarded
	}
	h := &r.sessions[slot]
	says := r.hash(&s)
	if h.says[k] == says {
		r.repeat(h.latest[k], 1, s.At)
		return
	}
	h.says[k] = says
	e := r.take(slot, k, s.At)
	n, whole, bfd := s.put(e.data[:])
	e.n, e.len, e.bfd, e.drop, e.noLink = uint8(n), uint16(min(whole, 1<<16-1)), uint8(bfd), s.Drop, s.Frame == nil
}

// Fresh says that the next frame that a session sends may say something else
// than the last one.
func (r *Recorder) Fresh(slot uint32) {
	if r.On() {
		r.sessions[slot].fresh = true
	}
}

// Sent records a frame that leaves at an instant, with its packet from byte bfd
// on. changed says that it differs from the last one, as Fresh does; noLink that
// its Ethernet header will be the kernel's.
func (r *Recorder) Sent(slot uint32, frame []byte, bfd int, changed, noLink bool, at int64) {
	if !r.On() {
		return
	}
	h := &r.sessions[slot]
	latest := h.latest[sent]
	if !changed && (!h.fresh || latest != 0 && bytes.Equal(frame, r.pool[latest].data[:r.pool[latest].n])) {
		h.fresh = false
		r.repeat(latest, 1, at)
		return
	}
	h.fresh = false
	r.keep(r.take(slot, sent, at), frame, bfd).noLink = noLink
}

// Expect says that from now on frames of a session may be heard by the XDP
// program, which has counted so many.
func (r *Recorder) Expect(slot uint32, count uint64) {
	if r.On() {
		r.sessions[slot].expected = count
	}
}

// Heard records what the XDP program has heard of a session: its count, and when
// the last frame arrived. It returns how many of these frames there is none kept
// of that they repeat: Rebuilt records the last of them.
func (r *Recorder) Heard(slot uint32, count uint64, last int64) (missing uint64) {
	if !r.On() {
		return 0
	}
	h := &r.sessions[slot]
	n := count - h.expected
	h.expected = count
	latest := h.latest[received]
	if n == 0 || latest == 0 {
		return n
	}
	r.pool[latest].heard += n
	r.repeat(latest, n, last)
	return 0
}

// Rebuilt records the last of n frames that the XDP program has heard, as its
// image has it.
func (r *Recorder) Rebuilt(slot uint32, frame []byte, n uint64, at int64) {
	if !r.On() {
		return
	}
	e := r.keep(r.take(slot, received, at), frame, bfdAt(frame))
	e.rebuilt, e.heard = true, n
}

func (r *Recorder) keep(e *entry, frame []byte, bfd int) *entry {
	e.n, e.len, e.bfd = uint8(copy(e.data[:], frame)), uint16(len(frame)), uint8(bfd)
	return e
}

func (r *Recorder) repeat(i uint32, n uint64, at int64) {
	if i != 0 {
		e := &r.pool[i]
		e.repeats += n
		e.last = max(e.last, at)
	}
}

// take gives a session a place for a frame, its newest one.
func (r *Recorder) take(slot uint32, k kind, at int64) *entry {
	h := &r.sessions[slot]
	var i uint32
	switch {
	case k == discarded && int(h.discarded) > 0 && int(h.discarded) >= r.o.Frames/2:
		// Forged frames do not wash away what the session itself has said and heard.
		i = r.loseDiscarded(slot)
	case int(h.n) == r.o.Frames:
		i = r.lose(slot)
	case r.free != 0:
		i, r.free = r.free, r.pool[r.free].next
	case int(r.made) < r.o.Pool:
		r.made++
		i = r.made
	default:
		r.hand = r.hand%uint32(r.o.Pool) + 1
		i = r.lose(r.pool[r.hand].slot)
	}
	r.pool[i] = entry{at: at, last: at, slot: slot, kind: k}
	if h.newest != 0 {
		r.pool[h.newest].next = i
	} else {
		h.oldest = i
	}
	h.newest = i
	h.latest[k] = i
	h.n++
	if k == discarded {
		h.discarded++
	}
	return &r.pool[i]
}

// lose takes a session's oldest frame from it and returns its place.
func (r *Recorder) lose(slot uint32) uint32 { return r.unlink(slot, 0) }

// loseDiscarded does so with the oldest of its discarded frames, of which there
// must be one.
func (r *Recorder) loseDiscarded(slot uint32) uint32 {
	before := uint32(0)
	for i := r.sessions[slot].oldest; r.pool[i].kind != discarded; i = r.pool[i].next {
		before = i
	}
	return r.unlink(slot, before)
}

// unlink takes the frame that follows one from a session, the oldest with 0, and
// returns its place.
func (r *Recorder) unlink(slot, before uint32) uint32 {
	h := &r.sessions[slot]
	link := &h.oldest
	if before != 0 {
		link = &r.pool[before].next
	}
	i := *link
	e := &r.pool[i]
	*link = e.next
	if h.newest == i {
		h.newest = before
	}
	h.n--
	if e.kind == discarded {
		h.discarded--
	}
	if h.latest[e.kind] == i {
		h.latest[e.kind] = 0
	}
	return i
}

func (r *Recorder) release(i uint32) {
	r.pool[i].next = r.free
	r.free = i
}

// Frames appends what is kept of a session to buf, the oldest first.
func (r *Recorder) Frames(slot uint32, buf []Frame) []Frame {
	if !r.On() {
		return buf
	}
	for i := r.sessions[slot].oldest; i != 0; i = r.pool[i].next {
		e := &r.pool[i]
		f := Frame{
			At: e.at, Sent: e.kind == sent, Drop: e.drop, Repeats: e.repeats, Last: e.last, Heard: e.heard,
			Len: int(e.len), NoLink: e.noLink, Rebuilt: e.rebuilt,
		}
		f.copy(e.data[:e.n], int(e.bfd), !r.o.Passwords)
		buf = append(buf, f)
	}
	return buf
}

// Template appends the frame that a session sends to buf, sent last at an
// instant, unless the one that it sent is kept.
func (r *Recorder) Template(slot uint32, frame []byte, bfd int, noLink bool, at int64, buf []Frame) []Frame {
	if !r.On() || r.sessions[slot].latest[sent] != 0 {
		return buf
	}
	f := Frame{At: at, Last: at, Sent: true, Len: len(frame), NoLink: noLink, Rebuilt: true}
	f.copy(frame, bfd, !r.o.Passwords)
	return append(buf, f)
}
