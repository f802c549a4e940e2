package control

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

// ResolveAuth returns the authentication that s asks for, none for nil. The error
// is an *Error of CodeInvalid.
func ResolveAuth(s *AuthSpec) (config.Auth, error) {
	if s == nil || s.Key == nil {
		return config.Auth{}, nil
	}
	a, faults := config.NewAuth(*s.Key, s.KeyID)
	return a, invalid(faults)
}

// ResolveAuthChange returns the authentication that c asks for.
func ResolveAuthChange(c AuthChange) (config.Auth, error) {
	return ResolveAuth(&AuthSpec{Key: c.Key, KeyID: c.KeyID})
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
	_, err = ResolveAuthChange(c)
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
		var spec AuthSpec
		if err := decode(raw, keys{
			"key": is(&spec.Key, wantKey), "bfd-key-id": is(&spec.KeyID, wantKeyID), "off": is(&spec.Off, "true or false"),
		}); err != nil {
			return err.Error()
		}
		switch {
		case spec.Off && (spec.Key != nil || spec.KeyID != nil):
			return "off takes no key: give key or off"
		case !spec.Off && spec.Key == nil:
			return "names no key: give the id of one, or off"
		}
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
