package control

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
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
	Type  string `json:"type"`       // one of config.KeyTypes; none: the rest means nothing
	Key   uint32 `json:"key"`        // id in the pool
	KeyID uint8  `json:"bfd-key-id"` // in packets
}

// AuthSpec asks for authentication by a key of the pool.
type AuthSpec struct {
	Key   uint32 `json:"key"`
	KeyID *uint8 `json:"bfd-key-id,omitempty"` // nil: the key's own id
}

// Resolve returns the authentication that s asks for, none for nil. The error
// is an *Error of CodeInvalid.
func (s *AuthSpec) Resolve() (config.Auth, error) {
	if s == nil {
		return config.Auth{}, nil
	}
	a, faults := config.NewAuth(s.Key, s.KeyID)
	return a, invalid(faults)
}

// AuthChange changes the authentication of a live session. It is the body of
// POST /v1/sessions/{id}/auth.
type AuthChange struct {
	Key     *uint32 `json:"key,omitempty"` // nil with Off
	KeyID   *uint8  `json:"bfd-key-id,omitempty"`
	Off     bool    `json:"off,omitempty"`
	Delayed bool    `json:"delayed,omitempty"` // wait until the peer uses it
}

// Resolve returns the authentication that c asks for.
func (c AuthChange) Resolve() (config.Auth, error) {
	if c.Key == nil {
		return config.Auth{}, nil
	}
	return (&AuthSpec{Key: *c.Key, KeyID: c.KeyID}).Resolve()
}

const (
	wantKey   = "a whole number from 0 to 4294967295"
	wantKeyID = "a whole number from 0 to 255"
)

// decodeAuthChange reads and checks the body of POST /v1/sessions/{id}/auth.
func decodeAuthChange(body []byte) (c AuthChange, err error) {
	if err := decode(body, keys{
		"key":        is(&c.Key, wantKey),
		"bfd-key-id": is(&c.KeyID, wantKeyID),
		"off":        is(&c.Off, "true or false"),
		"delayed":    is(&c.Delayed, "true or false"),
	}); err != nil {
		return c, err
	}
	switch {
	case c.Off && (c.Key != nil || c.KeyID != nil):
		return c, &Error{Code: CodeBadRequest, Field: "off", Message: "takes no key: give key or off"}
	case !c.Off && c.Key == nil:
		return c, &Error{Code: CodeBadRequest, Field: "key", Message: "is missing: give the id of a key, or off"}
	}
	_, err = c.Resolve()
	return c, err
}

// isAuth takes the auth of a new session.
func isAuth(into **AuthSpec) func(json.RawMessage) string {
	return func(raw json.RawMessage) string {
		if string(raw) == "null" {
			return ""
		}
		if !strings.HasPrefix(string(raw), "{") {
			return short(raw) + ` is not an object as in {"key": 1, "bfd-key-id": 1}`
		}
		var key *uint32
		var spec AuthSpec
		if err := decode(raw, keys{"key": is(&key, wantKey), "bfd-key-id": is(&spec.KeyID, wantKeyID)}); err != nil {
			return err.Error()
		}
		if key == nil {
			return "names no key: give the id of one"
		}
		spec.Key = *key
		*into = &spec
		return ""
	}
}

func (s *Server) changeAuth(r *http.Request) (int, any, error) {
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	change, err := decodeAuthChange(body)
	if err != nil {
		return 0, nil, err
	}
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	changed, err := s.backend.SetAuth(r.Context(), found.LocalDiscriminator, change)
	return http.StatusOK, whole(changed), err
}
