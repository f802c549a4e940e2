package packet

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
)

// Secret is a password or key: at most 20 bytes, without pointers. It never
// prints itself.
type Secret struct {
	bytes [sha1Len]byte
	n     uint8
}

// NewSecret returns the secret of up to 20 bytes; more are cut off, so the
// caller checks first what AuthMethod.MaxSecret allows.
func NewSecret(b []byte) (s Secret) {
	s.n = uint8(copy(s.bytes[:], b))
	return s
}

// Len returns the length of the secret in bytes.
func (s *Secret) Len() int { return int(s.n) }

// Put copies the secret to the front of b and returns its length.
func (s *Secret) Put(b []byte) int { return copy(b, s.bytes[:s.n]) }

// Format writes *** whatever the verb: no log, error or dump gets a secret.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// MarshalText does the same for JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// AuthMethod is how a session authenticates: an AuthType and how its digest is
// made.
type AuthMethod struct {
	Type AuthType
	// HMAC makes SHA1 digests as FRR does: HMAC-SHA1 over the packet with a
	// zeroed digest, where RFC 5880 §6.7.4 has plain SHA1 over the packet with
	// the key in the digest's place.
	HMAC bool
}

// MaxSecret returns how many bytes a secret of this type may have (RFC 5880
// §6.7.2-6.7.4), 0 for an unknown type.
func (t AuthType) MaxSecret() int {
	if t == AuthSimple {
		return maxPassword
	}
	return t.digestLen()
}

// Sequenced reports whether the type's sections carry a sequence number.
func (t AuthType) Sequenced() bool { return t.digestLen() > 0 }

// Meticulous reports whether every packet must carry a new sequence number.
func (t AuthType) Meticulous() bool { return t == AuthMeticulousMD5 || t == AuthMeticulousSHA1 }

// SHA1 reports whether the type's digest is SHA1, of which there is an HMAC form.
func (t AuthType) SHA1() bool { return t.digestLen() == sha1Len }

// longest is the longest authenticated Control packet.
const longest = ControlLen + maxAuthLen

// Sign writes the digest into b, a whole Control packet (Length bytes) whose
// section is otherwise complete. It does nothing for a simple password, which
// the section holds itself.
func (m AuthMethod) Sign(b []byte, s *Secret) {
	n := m.Type.digestLen()
	if n == 0 || len(b) != ControlLen+authDigestFrom+n {
		return
	}
	m.digest(b, b[len(b)-n:], s)
}

// Verify reports whether b, a whole Control packet whose section DecodeAuth has
// accepted as a, was made with the secret. It takes the same time wherever a
// digest or password differs.
func (m AuthMethod) Verify(b []byte, a *Auth, s *Secret) bool {
	if a.Type != m.Type {
		return false
	}
	if m.Type == AuthSimple {
		return subtle.ConstantTimeCompare(a.Data[:a.N], s.bytes[:s.n]) == 1
	}
	n := m.Type.digestLen()
	if len(b) != ControlLen+authDigestFrom+n {
		return false
	}
	var own [longest]byte
	copy(own[:], b)
	var want [sha1Len]byte
	m.digest(own[:len(b)], want[:n], s)
	return subtle.ConstantTimeCompare(a.Data[:n], want[:n]) == 1
}

// digest computes the digest of b into to, using the digest's place in b, which
// to may be.
func (m AuthMethod) digest(b, to []byte, s *Secret) {
	n := m.Type.digestLen()
	place := b[len(b)-n:]
	if m.HMAC {
		clear(place)
		sum := hmacSHA1(b, s)
		copy(to, sum[:n])
		return
	}
	copy(place, s.bytes[:n]) // the key, padded with zeros (RFC 5880 §6.7.3, §6.7.4)
	if n == md5Len {
		sum := md5.Sum(b)
		copy(to, sum[:])
		return
	}
	sum := sha1.Sum(b)
	copy(to, sum[:])
}

// hmacSHA1 is RFC 2104 over a message of at most longest bytes; crypto/hmac
// would allocate for every packet.
func hmacSHA1(b []byte, s *Secret) [sha1Len]byte {
	const block = 64
	var inner [block + longest]byte
	var outer [block + sha1Len]byte
	for i := range block {
		var k byte
		if i < int(s.n) {
			k = s.bytes[i]
		}
		inner[i], outer[i] = k^0x36, k^0x5c
	}
	sum := sha1.Sum(inner[:block+copy(inner[block:], b)])
	copy(outer[block:], sum[:])
	return sha1.Sum(outer[:])
}

// Seal completes an authenticated frame that Put has copied from t to the front
// of b: sequence number, digest and, because both were zero in the template,
// the UDP checksum by their sum. A frame without a sequence number is complete
// as it is.
func (t *Template) Seal(b []byte, seq uint32, m AuthMethod, s *Secret) {
	bfd := b[t.bfd:t.n]
	if !m.Type.Sequenced() || len(bfd) != ControlLen+authDigestFrom+m.Type.digestLen() {
		return
	}
	binary.BigEndian.PutUint32(bfd[ControlLen+4:], seq)
	m.Sign(bfd, s)
	field := b[t.bfd-2 : t.bfd]
	was := ^binary.BigEndian.Uint16(field)
	binary.BigEndian.PutUint16(field, sendChecksum(sum(uint64(was), bfd[ControlLen+4:])))
}
