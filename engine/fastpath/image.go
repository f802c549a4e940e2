package fastpath

import (
	"encoding/binary"
	"sync/atomic"
)

// Half is one of the two places of an Image, as struct half in bpf/src/heard.h.
type Half struct {
	Ifindex uint32
	Len     uint32 // of the frame without its tag; 0 expects none. Above 16 bits, control
	Word    [words]uint64
}

func (h *Half) size() uint32 { return h.Len & 0xffff }

// control is what the tag of the frame says, which is not compared; 0 without one.
func (h *Half) control() uint32 { return h.Len >> 16 }

// Image is the frame that a lane expects. The reader looks at the half that Gen
// names; the writer fills the other and then moves Gen on, so that nobody ever
// takes a mixture of two frames for one.
//
// Memory order. A reader that is slow may look at a half while the writer is back
// at it; it reads Gen once more, and must then see that Gen has moved. So each word
// of a half is stored after Gen was moved the last time, and Gen is moved after each
// word. Go's atomic stores are releases: none is seen before what its goroutine has
// written earlier. Plain stores into the half, though, could be seen before the
// release that moved Gen, on arm64; so they are atomic as well. How the reader
// keeps its loads in order is told at matches in bpf/src/heard.h.
type Image struct {
	Gen  uint64
	Half [2]Half
}

// Set makes frame the one that is expected of an interface, which for a tagged one
// is that of the VLAN. False says that it is none that an Image can hold.
func (im *Image) Set(frame []byte, ifindex int32) bool {
	var h Half
	if !h.fill(frame, ifindex) {
		return false
	}
	im.turn(h)
	return true
}

// Holds reports whether frame is the one that is expected already.
func (im *Image) Holds(frame []byte, ifindex int32) bool {
	var h Half
	ok, now := h.fill(frame, ifindex), im.Half[im.Gen&1]
	h.Len = h.size() | now.control()<<16
	return ok && h == now
}

// Frame writes the frame that is expected, with its tag, to the front of b, which
// has room for it, and returns its length, 0 when there is none. Its IPv4
// identification is 0 and the header checksum not set.
func (im *Image) Frame(b []byte) int {
	h := &im.Half[im.Gen&1]
	if h.Len == 0 {
		return 0
	}
	n := putWords(&h.Word, b[:h.size()])
	if h.control() == 0 {
		return n
	}
	return retag(b, n, tagged<<16|h.control())
}

// Clear expects none.
func (im *Image) Clear() { im.turn(Half{}) }

func (im *Image) turn(h Half) {
	next := im.Gen + 1
	to := &im.Half[next&1]
	atomic.StoreUint32(&to.Ifindex, h.Ifindex)
	atomic.StoreUint32(&to.Len, h.Len)
	storeWords(&to.Word, &h.Word)
	atomic.StoreUint64(&im.Gen, next)
}

// storeWords stores each word by a release.
func storeWords(to, from *[words]uint64) {
	for i := range to {
		atomic.StoreUint64(&to[i], from[i])
	}
}

// fill makes of a frame what the program compares.
func (h *Half) fill(frame []byte, ifindex int32) bool {
	var room [len6]byte
	bare, tag := untag(frame, &room)
	frame = plain(bare)
	if frame == nil {
		return false
	}
	h.Ifindex, h.Len = uint32(ifindex), uint32(len(frame))|tag<<16
	h.Word = toWords(frame)
	if len(frame) == len4 {
		h.Word[2] &= keepButID
		h.Word[3] &= keepButCheck
	}
	return true
}

// What of the third and fourth word of an IPv4 frame is compared: not the
// identification, which some stacks count up, and the header checksum with it.
var (
	keepButID    = native(0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff)
	keepButCheck = native(0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
)

func native(b ...byte) uint64 { return binary.NativeEndian.Uint64(b) }
