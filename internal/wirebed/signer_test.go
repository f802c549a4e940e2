package wirebed

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const (
	keyID  = 7
	secret = "secret"
)

// signer makes T's authentication section, by the text of RFC 5880 §4.2-4.4 and
// §6.7 and not by the code under test. Its seq is that of the next packet.
type signer struct {
	method packet.AuthMethod
	keyID  byte
	secret string
	seq    uint32

	held     bool // seq stays
	reserved byte
	authLen  int // added to the Auth Len field alone
	spoilt   bool
}

func (s *signer) sign(c packet.Control) []byte {
	if s.method.Type == 0 {
		b := make([]byte, packet.ControlLen)
		c.Put(b)
		return b
	}
	section := []byte{byte(s.method.Type), 0, s.keyID}
	switch {
	case s.method.Type == packet.AuthSimple:
		section = append(section, s.secret...)
	case s.method.Type.SHA1():
		section = append(binary.BigEndian.AppendUint32(append(section, s.reserved), s.seq), make([]byte, sha1.Size)...)
	default:
		section = append(binary.BigEndian.AppendUint32(append(section, s.reserved), s.seq), make([]byte, md5.Size)...)
	}
	section[1] = byte(len(section) + s.authLen)
	c.Auth, c.Length = true, uint8(packet.ControlLen+len(section))
	b := make([]byte, packet.ControlLen)
	c.Put(b)
	b = append(b, section...)
	if s.method.Type != packet.AuthSimple {
		copy(b[packet.ControlLen+8:], digest(b, s.method, s.secret))
		if !s.held {
			s.seq++
		}
	}
	if s.spoilt {
		b[len(b)-1] ^= 0x10
	}
	return b
}

// digest is what the section of b has to hold behind its sequence number.
func digest(b []byte, m packet.AuthMethod, secret string) []byte {
	b = slices.Clone(b)
	place := b[packet.ControlLen+8:]
	clear(place)
	if m.HMAC {
		h := hmac.New(sha1.New, []byte(secret))
		h.Write(b)
		return h.Sum(nil)
	}
	copy(place, secret)
	if m.Type.SHA1() {
		sum := sha1.Sum(b)
		return sum[:]
	}
	sum := md5.Sum(b)
	return sum[:]
}

var (
	keyedSHA1      = packet.AuthMethod{Type: packet.AuthKeyedSHA1}
	meticulousSHA1 = packet.AuthMethod{Type: packet.AuthMeticulousSHA1}
)

// onAuth is on for a session that authenticates.
func onAuth(t *testing.T, m packet.AuthMethod, p session.Params, script func(b *bed, s *signer)) {
	t.Helper()
	s := with(p)
	s.unadded = true
	on(t, s, func(b *bed) {
		b.d.must(b.d.Engine().SetKey(1, m, packet.NewSecret([]byte(secret))))
		s.Auth = engine.Auth{On: true, Key: 1, KeyID: keyID}
		b.add(s)
		sign := &signer{method: m, keyID: keyID, secret: secret, seq: 0xfffffff0}
		b.sign = sign.sign
		script(b, sign)
	})
}
