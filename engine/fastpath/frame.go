package fastpath

import "encoding/binary"

const (
	words = 11
	len4  = 14 + 20 + 8 + 24 // a frame over IPv4, without tag and authentication
	len6  = 14 + 40 + 8 + 24

	tagAt  = 12 // where a VLAN tag stands in a frame
	tagLen = 4
	tagged = 0x8100 // instead of the type, which follows
)

// untag takes the tag out of a frame: room is where the frame without it is made,
// and tag is what stood in it, 0 if there is none.
func untag(frame []byte, room *[len6]byte) (bare []byte, tag uint32) {
	if len(frame) < tagAt+tagLen+2 || binary.BigEndian.Uint16(frame[tagAt:]) != tagged {
		return frame, 0
	}
	n := copy(room[:], frame[:tagAt])
	n += copy(room[n:], frame[tagAt+tagLen:])
	return room[:n], binary.BigEndian.Uint32(frame[tagAt:])
}

// retag puts a tag, unless it is 0, into the frame of n bytes that b begins with,
// and returns its length.
func retag(b []byte, n int, tag uint32) int {
	if tag == 0 {
		return n
	}
	copy(b[tagAt+tagLen:], b[tagAt:n])
	binary.BigEndian.PutUint32(b[tagAt:], tag)
	return n + tagLen
}

// sameVLAN reports whether two tags name one VLAN, or neither is there; their
// priorities may differ.
func sameVLAN(a, b uint32) bool { return (a^b)&0xffff_0fff == 0 }

// plain returns a frame without what Ethernet has appended, or nil when it is
// none that has room in the words: without a tag, IPv4 without options or IPv6, and a
// UDP datagram that is as long as a Control packet without authentication.
func plain(frame []byte) []byte {
	if len(frame) < len4 {
		return nil
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		if frame[14] == 0x45 && binary.BigEndian.Uint16(frame[16:]) == len4-14 {
			return frame[:len4]
		}
	case 0x86dd:
		if len(frame) >= len6 && binary.BigEndian.Uint16(frame[18:]) == len6-14-40 {
			return frame[:len6]
		}
	}
	return nil
}

// toWords lays a frame out as the programs see it in memory. What is left after
// whole words stands at the beginning of the last.
func toWords(frame []byte) (w [words]uint64) {
	whole := len(frame) / 8
	for i := range whole {
		w[i] = binary.NativeEndian.Uint64(frame[8*i:])
	}
	var rest [8]byte
	copy(rest[:], frame[8*whole:])
	w[words-1] = binary.NativeEndian.Uint64(rest[:])
	return w
}

// putWords undoes toWords for a frame as long as b, which it writes, and returns
// its length.
func putWords(w *[words]uint64, b []byte) int {
	whole := len(b) / 8
	for i := range whole {
		binary.NativeEndian.PutUint64(b[8*i:], w[i])
	}
	var rest [8]byte
	binary.NativeEndian.PutUint64(rest[:], w[words-1])
	copy(b[8*whole:], rest[:])
	return len(b)
}
