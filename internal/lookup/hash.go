package lookup

import (
	"encoding/binary"
	"math/bits"
)

// Hash makes the hash of a key, part by part: Hash(0).Addr(a).Text(s). It spreads
// what differs little, such as the addresses of a subnet; it does not resist those
// who choose their keys, and those who only search choose nothing that is found.
type Hash uint64

// Word adds a number.
func (h Hash) Word(w uint64) Hash {
	hi, lo := bits.Mul64(uint64(h)^w^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return Hash(hi ^ lo)
}

// Addr adds an address.
func (h Hash) Addr(a [16]byte) Hash {
	return h.Word(binary.NativeEndian.Uint64(a[:8])).Word(binary.NativeEndian.Uint64(a[8:]))
}

// Text adds a short text.
func (h Hash) Text(s string) Hash {
	var w uint64
	for i := range len(s) {
		w = w<<8 | uint64(s[i])
		if i%8 == 7 {
			h, w = h.Word(w), 0
		}
	}
	return h.Word(w).Word(uint64(len(s)))
}
