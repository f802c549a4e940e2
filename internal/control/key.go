package control

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/packet"
)

// KeySpec is what a key is to be, as a Backend is told.
type KeySpec struct {
	Method packet.AuthMethod
	Secret packet.Secret // fits Method
}

// decodeKey reads and checks the body of PUT /v1/keys/{id}. Errors repeat
// nothing of it.
func decodeKey(body []byte) (k KeySpec, err error) {
	var kind string
	var written []config.Secret
	form := ""
	secret := func(name string, parse func(string) (config.Secret, error)) func(json.RawMessage) string {
		return func(raw json.RawMessage) string {
			var text *string
			if json.Unmarshal(raw, &text) != nil {
				return "is not a string"
			}
			if text == nil {
				return ""
			}
			s, err := parse(*text)
			if err != nil {
				return err.Error()
			}
			form, written = name, append(written, s)
			return ""
		}
	}
	err = decode(body, keys{
		"type": func(raw json.RawMessage) string {
			if json.Unmarshal(raw, &kind) != nil {
				return "is not a string"
			}
			return ""
		},
		"secret":     secret("secret", config.TextSecret),
		"secret-hex": secret("secret-hex", config.HexSecret),
	})
	if err != nil {
		return k, err
	}
	var known bool
	switch k.Method, known = config.KeyType(kind); {
	case kind == "":
		return k, &Error{Code: CodeInvalid, Field: "type", Message: "is missing: give one of " + strings.Join(config.KeyTypes, ", ")}
	case !known:
		return k, &Error{Code: CodeInvalid, Field: "type", Message: config.UnknownKeyType(kind)}
	case len(written) == 0:
		return k, &Error{Code: CodeInvalid, Field: "secret", Message: "is missing: give secret or secret-hex"}
	case len(written) > 1:
		return k, &Error{Code: CodeInvalid, Field: "secret-hex", Message: "is a second secret: give secret or secret-hex, not both"}
	}
	if k.Secret, err = written[0].For(k.Method); err != nil {
		return k, &Error{Code: CodeInvalid, Field: form, Message: err.Error()}
	}
	return k, nil
}

func keyID(r *http.Request) (uint32, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil {
		return 0, Errorf(CodeBadRequest, "%q is not the number of a key, 0 to 4294967295", r.PathValue("id"))
	}
	return uint32(n), nil
}

func (s *Server) listKeys(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	all, err := s.backend.Keys(r.Context())
	slices.SortFunc(all, func(a, b Key) int { return cmp.Compare(a.ID, b.ID) })
	return http.StatusOK, list(all), err
}

func (s *Server) showKey(r *http.Request) (int, any, error) {
	id, err := keyID(r)
	if err != nil {
		return 0, nil, err
	}
	all, err := s.backend.Keys(r.Context())
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(all, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return 0, nil, NoKey(id)
	}
	return http.StatusOK, all[i], nil
}

// NoKey is the answer about a key that does not exist.
func NoKey(id uint32) error { return &Error{Code: CodeNotFound, Message: fmt.Sprintf("no key %d", id)} }

func (s *Server) setKey(r *http.Request) (int, any, error) {
	id, err := keyID(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	spec, err := decodeKey(body)
	if err != nil {
		return 0, nil, err
	}
	k, err := s.backend.SetKey(r.Context(), id, spec)
	return http.StatusOK, k, err
}

func (s *Server) deleteKey(r *http.Request) (int, any, error) {
	id, err := keyID(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.backend.DeleteKey(r.Context(), id)
}
