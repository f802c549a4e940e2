package engine_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"slices"

	"github.com/xbfd/xbfd/packet"
)

// letter is a Control packet as some peer would write it, right or wrong. It is
// put into bytes without the code under test: the layouts and digests of RFC
// 5880 §4.2-4.4 and §6.7.2-6.7.4 once more.
type letter struct {
	packet.Control
	method packet.AuthMethod // without a type: no section
	keyID  uint8
	seq    uint32
	secret string

	reserved byte
	authLen  int  // added to the Auth Len field alone
	longer   int  // bytes that section, Auth Len and Length have too many
	padding  int  // bytes beyond Length
	spoilt   bool // a bit of digest or password is wrong
}

func (l letter) bytes() []byte {
	c := l.Control
	section := l.section()
	c.Auth, c.Length = len(section) > 0, uint8(packet.ControlLen+len(section))
	b := make([]byte, packet.ControlLen)
	c.Put(b)
	b = append(b, section...)
	if c.Auth && l.method.Type != packet.AuthSimple && l.longer >= 0 {
		place := b[packet.ControlLen+8 : len(b)-l.longer]
		copy(place, letterDigest(b, l.method, l.secret))
	}
	if l.spoilt {
		b[len(b)-1] ^= 0x10
	}
	return append(b, make([]byte, l.padding)...)
}

func (l letter) section() []byte {
	if l.method.Type == 0 {
		return nil
	}
	s := []byte{byte(l.method.Type), 0, l.keyID}
	switch l.method.Type {
	case packet.AuthSimple:
		s = append(s, l.secret...)
	case packet.AuthKeyedMD5, packet.AuthMeticulousMD5:
		s = append(binary.BigEndian.AppendUint32(append(s, l.reserved), l.seq), make([]byte, md5.Size)...)
	default:
		s = append(binary.BigEndian.AppendUint32(append(s, l.reserved), l.seq), make([]byte, sha1.Size)...)
	}
	s = append(s, 0)[:len(s)+l.longer]
	s[1] = byte(len(s) + l.authLen)
	return s
}

// letterDigest is what the section of b has to hold behind its sequence number.
func letterDigest(b []byte, m packet.AuthMethod, secret string) []byte {
	b = slices.Clone(b)
	place := b[packet.ControlLen+8:]
	clear(place)
	if m.HMAC {
		h := hmac.New(sha1.New, []byte(secret))
		h.Write(b)
		return h.Sum(nil)
	}
	copy(place, secret)
	if m.Type == packet.AuthKeyedMD5 || m.Type == packet.AuthMeticulousMD5 {
		sum := md5.Sum(b)
		return sum[:]
	}
	sum := sha1.Sum(b)
	return sum[:]
}
