package packet

import "encoding/binary"

// AuthType is an authentication type (RFC 5880 §4.1, IANA registry "BFD
// Authentication Types").
type AuthType uint8

// The types of RFC 5880.
const (
	AuthSimple         AuthType = 1 // simple password
	AuthKeyedMD5       AuthType = 2
	AuthMeticulousMD5  AuthType = 3
	AuthKeyedSHA1      AuthType = 4
	AuthMeticulousSHA1 AuthType = 5
)

const (
	authHeaderLen  = 3 // type, length, key id: all of a simple section but the password
	maxPassword    = 16
	authDigestFrom = 8 // type, length, key id, reserved, sequence number
	md5Len         = 16
	sha1Len        = 20
)

// maxAuthLen is the length of the longest authentication section.
const maxAuthLen = authDigestFrom + sha1Len

// Auth is an authentication section (RFC 5880 §4.2-4.4). Simple password:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   Auth Type   |   Auth Len    |  Auth Key ID  |  Password...  |
//
// and the four with a digest, of 16 bytes for MD5 and 20 for SHA1:
//
//	|   Auth Type   |   Auth Len    |  Auth Key ID  |   Reserved    |
//	|                        Sequence Number                        |
//	|                           Digest...                           |
//
// It knows the layouts only: no digest is computed or compared here.
type Auth struct {
	Type  AuthType
	KeyID uint8
	Seq   uint32   // 0 in a simple section, which has none
	Data  [20]byte // password or digest, zero behind N
	N     uint8    // bytes of Data in use; for a digest the type says it: 16 or 20
}

// Len returns the length in bytes of the section on the wire: password + 3, 24
// or 28. It is 0 when a is no section of RFC 5880: an unknown type, or a
// password that has not 1 to 16 bytes.
func (a *Auth) Len() int {
	if a.Type == AuthSimple {
		if a.N < 1 || a.N > maxPassword {
			return 0
		}
		return authHeaderLen + int(a.N)
	}
	if n := a.Type.digestLen(); n > 0 {
		return authDigestFrom + n
	}
	return 0
}

// Put writes the section to the front of b and returns its length; it writes
// nothing and returns 0 when Len is 0 or b has no room for it.
func (a *Auth) Put(b []byte) int {
	n := a.Len()
	if n == 0 || len(b) < n {
		return 0
	}
	b = b[:n]
	b[0] = byte(a.Type)
	b[1] = byte(n)
	b[2] = a.KeyID
	if a.Type == AuthSimple {
		copy(b[authHeaderLen:], a.Data[:])
		return n
	}
	b[3] = 0 // reserved
	binary.BigEndian.PutUint32(b[4:], a.Seq)
	copy(b[authDigestFrom:], a.Data[:])
	return n
}

// DecodeAuth fills a from b, the bytes of a Control packet that follow the
// mandatory section: payload[ControlLen:Length]. It returns DropAuthType for a
// type that RFC 5880 does not define and DropAuthLen when Auth Len is not what
// the type asks for, or not all of b. The RFC judges the key id before the
// length, so with DropAuthLen Type and KeyID (0 if cut off) are set for the
// caller to look at first. The reserved byte may hold anything (§4.3).
func DecodeAuth(b []byte, a *Auth) Drop {
	*a = Auth{}
	if len(b) == 0 {
		return DropAuthLen
	}
	a.Type = AuthType(b[0])
	if a.Type != AuthSimple && a.Type.digestLen() == 0 {
		return DropAuthType
	}
	if len(b) < authHeaderLen {
		return DropAuthLen
	}
	a.KeyID = b[2]
	if int(b[1]) != len(b) {
		return DropAuthLen
	}
	if a.Type == AuthSimple {
		password := b[authHeaderLen:]
		if len(password) < 1 || len(password) > maxPassword {
			return DropAuthLen
		}
		a.N = uint8(copy(a.Data[:], password))
		return DropNone
	}
	if len(b) != authDigestFrom+a.Type.digestLen() {
		return DropAuthLen
	}
	a.Seq = binary.BigEndian.Uint32(b[4:])
	a.N = uint8(copy(a.Data[:], b[authDigestFrom:]))
	return DropNone
}

// digestLen returns the length in bytes of the type's digest, 0 if it has none.
func (t AuthType) digestLen() int {
	switch t {
	case AuthKeyedMD5, AuthMeticulousMD5:
		return md5Len
	case AuthKeyedSHA1, AuthMeticulousSHA1:
		return sha1Len
	}
	return 0
}
