package flight

import "sync/atomic"

// Taps hold so many frames that nobody has taken yet.
const tapFrames = 256

// Tap hands every frame of one session to another goroutine. A worker calls
// Received and Sent; somebody else Take and Lost.
type Tap struct {
	passwords bool
	head      atomic.Uint32 // the reader's
	_         [60]byte
	tail      atomic.Uint32 // the writer's
	lost      atomic.Uint64
	ended     atomic.Bool
	_         [40]byte
	ring      [tapFrames]entry
}

// NewTap returns a Tap; passwords has them shown as they are.
func NewTap(passwords bool) *Tap { return &Tap{passwords: passwords} }

// Received takes a frame that arrived.
func (t *Tap) Received(s Seen) {
	e := t.room()
	if e == nil {
		return
	}
	n, whole, bfd := s.put(e.data[:])
	*e = entry{at: s.At, kind: received, drop: s.Drop, n: uint8(n), len: uint16(min(whole, 1<<16-1)), bfd: uint8(bfd),
		noLink: s.Frame == nil, data: e.data}
	t.tail.Add(1)
}

// Sent takes a frame that leaves at an instant: see Recorder.Sent.
func (t *Tap) Sent(frame []byte, bfd int, noLink bool, at int64) {
	e := t.room()
	if e == nil {
		return
	}
	n := copy(e.data[:], frame)
	*e = entry{at: at, kind: sent, n: uint8(n), len: uint16(len(frame)), bfd: uint8(bfd), noLink: noLink, data: e.data}
	t.tail.Add(1)
}

// room returns the place for the next frame, nil when the reader is too slow.
func (t *Tap) room() *entry {
	tail := t.tail.Load()
	if tail-t.head.Load() == tapFrames {
		t.lost.Add(1)
		return nil
	}
	return &t.ring[tail%tapFrames]
}

// Take appends the frames that have passed since the last call to buf.
func (t *Tap) Take(buf []Frame) []Frame {
	head := t.head.Load()
	for ; head != t.tail.Load(); head++ {
		e := &t.ring[head%tapFrames]
		f := Frame{
			At: e.at, Sent: e.kind == sent, Drop: e.drop, Last: e.at, Len: int(e.len), NoLink: e.noLink,
		}
		f.copy(e.data[:e.n], int(e.bfd), !t.passwords)
		buf = append(buf, f)
		t.head.Store(head + 1)
	}
	return buf
}

// Lost returns how many frames found no room.
func (t *Tap) Lost() uint64 { return t.lost.Load() }

// End says that no frame will follow.
func (t *Tap) End() { t.ended.Store(true) }

// Ended reports whether End was called: one more Take then gives all there is.
func (t *Tap) Ended() bool { return t.ended.Load() }
