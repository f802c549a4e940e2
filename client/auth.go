package client

import (
	"encoding/hex"

	"github.com/xbfd/xbfd/packet"
)

// SessionAuth is how a session authenticates.
type SessionAuth struct {
	AuthUse
	// Pending is what follows once the peer uses it; null when no delayed
	// change waits.
	Pending *AuthUse `json:"pending"`
	// PeerDigest tells that the peer has the right key but makes its SHA1
	// digest in the other way: "hmac" as FRR does, "rfc" as RFC 5880 has it.
	// Empty otherwise.
	PeerDigest string `json:"peer-digest"`
}

// AuthUse is authentication by one key.
type AuthUse struct {
	Type  string `json:"type"`       // as in Key; none: the rest means nothing
	Key   uint32 `json:"key"`        // id in the pool
	KeyID uint8  `json:"bfd-key-id"` // in packets
}

// AuthSpec asks for authentication by a key of the pool, or, with Off, for none
// although the profile has some.
type AuthSpec struct {
	Key   *uint32 `json:"key,omitempty"`        // nil with Off
	KeyID *uint8  `json:"bfd-key-id,omitempty"` // nil: the key's own id
	Off   bool    `json:"off,omitempty"`
}

// AuthChange changes the authentication of a live session.
type AuthChange struct {
	Key     *uint32 `json:"key,omitempty"` // nil with Off
	KeyID   *uint8  `json:"bfd-key-id,omitempty"`
	Off     bool    `json:"off,omitempty"`
	Delayed bool    `json:"delayed,omitempty"` // wait until the peer uses it
}

// Key is a key of the pool, without its secret.
type Key struct {
	ID uint32 `json:"id"`
	// Type is simple-password, keyed-md5, meticulous-keyed-md5, keyed-sha1,
	// meticulous-keyed-sha1 or frr-hmac-sha1.
	Type  string `json:"type"`
	Owner string `json:"owner"` // who brought it: "file" or "api"
	Uses  int    `json:"uses"`  // sessions that use it, or will after a delayed change
}

// KeySpec is what a key is to be.
type KeySpec struct {
	Type   string // as in Key
	Secret packet.Secret
}

// body is the only form in which a secret is written.
func (k KeySpec) body() map[string]string {
	secret := make([]byte, k.Secret.Len())
	k.Secret.Put(secret)
	return map[string]string{"type": k.Type, "secret-hex": hex.EncodeToString(secret)}
}
