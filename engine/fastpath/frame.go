package fastpath

import "encoding/binary"

const (
	words = 11
	len4  = 14 + 20 + 8 + 24 // a frame over IPv4, without tag and authentication
	len6  = 14 + 40 + 8 + 24
)

// plain returns a frame without what Ethernet has appended, or nil when it is
// none that has room in the words: untagged, IPv4 without options or IPv6, and a
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

// fromWords undoes toWords for a frame of n bytes.
func fromWords(w *[words]uint64, n int) []byte {
	frame := make([]byte, n)
	putWords(w, frame)
	return frame
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
