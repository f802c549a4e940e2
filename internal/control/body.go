package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

// keys are the keys an object may have and how to take in the value of each.
// A taker answers what is wrong, or nothing.
type keys map[string]func(json.RawMessage) string

// decode reads a body that must be exactly one object with no other keys.
// Unlike encoding/json alone it compares keys exactly and says which one is
// wrong. The error is an *Error of CodeBadRequest.
func decode(body []byte, known keys) error {
	var object map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&object); err != nil {
		return Errorf(CodeBadRequest, "the body is not a JSON object: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if object == nil {
		return Errorf(CodeBadRequest, "the body is not a JSON object: it is null")
	}
	if _, err := d.Token(); err != io.EOF {
		return Errorf(CodeBadRequest, "the body goes on after the JSON object")
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		take, ok := known[key]
		if !ok {
			return &Error{Code: CodeBadRequest, Field: key, Message: unknown("key", key, slices.Sorted(maps.Keys(known)))}
		}
		if wrong := take(object[key]); wrong != "" {
			return &Error{Code: CodeBadRequest, Field: key, Message: wrong}
		}
	}
	return nil
}

func unknown(what, word string, known []string) string {
	if near := config.Nearest(word, known); near != "" {
		return fmt.Sprintf("unknown %s: did you mean %q?", what, near)
	}
	return fmt.Sprintf("unknown %s: there are %s", what, strings.Join(known, ", "))
}

func is[T any](into *T, want string) func(json.RawMessage) string {
	return func(raw json.RawMessage) string {
		if json.Unmarshal(raw, into) != nil {
			return fmt.Sprintf("%s is not %s", short(raw), want)
		}
		return ""
	}
}

func isAddr(into *netip.Addr) func(json.RawMessage) string {
	return func(raw json.RawMessage) string {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return fmt.Sprintf("%s is not an address in a string", short(raw))
		}
		if text == "" {
			return "" // not chosen, as in a Session
		}
		addr, err := config.ParseAddr(text)
		if err != nil {
			return err.Error()
		}
		*into = addr
		return ""
	}
}

func short(raw json.RawMessage) string {
	const most = 40
	if len(raw) > most {
		return string(raw[:most]) + "…"
	}
	return string(raw)
}
