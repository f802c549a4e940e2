package control

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/xbfd/xbfd/internal/config"
)

// Code is the kind of an error, for programs.
type Code string

// The codes.
const (
	CodeBadRequest  Code = "bad-request" // not a request this API knows
	CodeNotFound    Code = "not-found"   // no such session, key or route
	CodeAmbiguous   Code = "ambiguous"   // more than one session is meant
	CodeExists      Code = "exists"      // there is such a session already
	CodeInUse       Code = "in-use"      // sessions use it
	CodeConflict    Code = "conflict"    // who shares it asks for something else
	CodeCapacity    Code = "capacity"    // more than the workers can serve
	CodeNotOwner    Code = "not-owner"   // it belongs to somebody else
	CodeInvalid     Code = "invalid"     // understood, but a value cannot be
	CodeUnavailable Code = "unavailable" // not now
	CodeInternal    Code = "internal"    // a fault of xbfd's own
)

var statusOf = map[Code]int{
	CodeBadRequest:  http.StatusBadRequest,
	CodeNotFound:    http.StatusNotFound,
	CodeAmbiguous:   http.StatusConflict,
	CodeExists:      http.StatusConflict,
	CodeInUse:       http.StatusConflict,
	CodeConflict:    http.StatusConflict,
	CodeCapacity:    http.StatusConflict,
	CodeNotOwner:    http.StatusForbidden,
	CodeInvalid:     http.StatusUnprocessableEntity,
	CodeUnavailable: http.StatusServiceUnavailable,
	CodeInternal:    http.StatusInternalServerError,
}

// Error is what a Backend answers instead of a result, and what a Client
// returns for it.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // JSON key or query parameter that is to blame
	Status  int    `json:"-"`               // of HTTP; 0 for the code's usual one
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Errorf returns an Error without a field.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) httpStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	if status, known := statusOf[e.Code]; known {
		return status
	}
	return http.StatusInternalServerError
}

// envelope is the only shape an error has on the wire.
type envelope struct {
	Error *Error `json:"error"`
}

// ErrNoDaemon is answered by a Client when nobody listens on the socket.
var ErrNoDaemon = errors.New("no daemon")

// jsonNames are the fields that the API calls by another name than the file.
var jsonNames = map[string]string{
	"local-address":          "local",
	"transmit-interval":      "desired-min-tx-us",
	"receive-interval":       "required-min-rx-us",
	"echo-transmit-interval": "echo-transmit-interval-us",
	"echo-receive-interval":  "echo-receive-interval-us",
	"demand-poll-interval":   "demand-poll-interval-us",
	"congestion-ceiling":     "congestion-ceiling-us",
	"hold-off":               "hold-off-us",
}

// invalid turns the first of faults into an Error, or nil.
func invalid(faults []config.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	field := faults[0].Field
	if name, other := jsonNames[field]; other {
		field = name
	}
	return &Error{Code: CodeInvalid, Field: field, Message: faults[0].Text}
}
