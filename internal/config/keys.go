package config

import (
	"slices"
	"strings"

	"github.com/xbfd/xbfd/packet"
)

// AuthKey is a key of the pool that sessions authenticate by. It is comparable,
// and its secret never prints itself.
type AuthKey struct {
	ID     uint32 // the operator's number; it is not in packets
	Method packet.AuthMethod
	Secret packet.Secret // fits Method

	Line int // in the file; 0 when it came from elsewhere
}

// Same tells whether k and o are one key, wherever they were written.
func (k AuthKey) Same(o AuthKey) bool {
	k.Line, o.Line = 0, 0
	return k == o
}

// Auth says by which key a session authenticates. The zero Auth is by none.
type Auth struct {
	On    bool
	Key   uint32 // the id of an AuthKey
	KeyID uint8  // the BFD key id in packets, the same at both ends
}

// NewAuth returns authentication by a key. Without a BFD key id, which is what
// nil means, packets carry the key's own id, if that fits.
func NewAuth(key uint32, keyID *uint8) (Auth, []Fault) {
	switch {
	case keyID != nil:
		return Auth{On: true, Key: key, KeyID: *keyID}, nil
	case key > 255:
		return Auth{}, []Fault{faultf(fieldKeyID,
			"is missing: key id %d does not fit the one byte that packets have for it, so give 0 to 255, the same as at the peer", key)}
	}
	return Auth{On: true, Key: key, KeyID: uint8(key)}, nil
}

// password tells whether a key of the file is a plain password.
func (c *Config) password(key uint32) bool {
	return slices.ContainsFunc(c.Keys, func(k AuthKey) bool { return k.ID == key && k.Method.Type == packet.AuthSimple })
}

// KeyTypes are the kinds of authentication that a key can be for.
var KeyTypes = []string{
	"simple-password", "keyed-md5", "meticulous-keyed-md5", "keyed-sha1", "meticulous-keyed-sha1", "frr-hmac-sha1",
}

// methods are those of KeyTypes, in their order.
var methods = []packet.AuthMethod{
	{Type: packet.AuthSimple},
	{Type: packet.AuthKeyedMD5},
	{Type: packet.AuthMeticulousMD5},
	{Type: packet.AuthKeyedSHA1},
	{Type: packet.AuthMeticulousSHA1},
	{Type: packet.AuthKeyedSHA1, HMAC: true},
}

// KeyType returns what one of KeyTypes means.
func KeyType(name string) (packet.AuthMethod, bool) {
	if i := slices.Index(KeyTypes, name); i >= 0 {
		return methods[i], true
	}
	return packet.AuthMethod{}, false
}

// KeyTypeName returns the one of KeyTypes that means m, "none" if there is none.
func KeyTypeName(m packet.AuthMethod) string {
	if i := slices.Index(methods, m); i >= 0 {
		return KeyTypes[i]
	}
	return "none"
}

// UnknownKeyType says what is wrong with a word that is none of KeyTypes. It
// does not repeat the word: somebody may have put the secret there.
func UnknownKeyType(word string) string {
	if near := Nearest(word, KeyTypes); near != "" {
		return "unknown type: did you mean \"" + near + "\"?"
	}
	return "unknown type: there are " + strings.Join(KeyTypes, ", ")
}
