package packet

import "encoding/binary"

// sum adds b to acc as the Internet checksum does (RFC 1071): a sum of 16-bit
// big-endian words whose carries wait in the upper bits until fold. Adding
// wider words gives the same sum, because 2^16 is 1 modulo 2^16-1. An odd last
// byte counts as the upper half of a word; only the last part of a message may
// be odd. No message of less than 4 GiB overflows acc.
func sum(acc uint64, b []byte) uint64 {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		acc += v>>32 + v&0xffffffff
		b = b[8:]
	}
	if len(b) >= 4 {
		acc += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		acc += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

// fold reduces a sum to 16 bits by adding the carries back in. It is 0 only for
// a sum of nothing but zeros; a message that contains its own right checksum
// folds to 0xffff.
func fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	return uint16(acc)
}

// sendChecksum turns the sum of a UDP datagram and its pseudo-header into the
// field to send: 0 would mean "no checksum", so its other representation, all
// ones, goes out in its place (RFC 768, RFC 8200 §8.1).
func sendChecksum(acc uint64) uint16 {
	if c := ^fold(acc); c != 0 {
		return c
	}
	return 0xffff
}
