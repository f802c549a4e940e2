package client

import (
	"errors"
	"strings"
)

// ErrNoDaemon is in the error of a Client when nobody listens on the socket.
var ErrNoDaemon = errors.New("no daemon")

// Code is the kind of an Error, for programs.
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

// Error is what the daemon answers instead of a result.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`         // for people; may change
	Field   string `json:"field,omitempty"` // JSON key or query parameter that is to blame
	Status  int    `json:"-"`               // of HTTP; 0 for the code's usual one
}

func (e *Error) Error() string {
	if e.Field == "" || strings.Contains(e.Message, e.Field+": ") { // of a file, line by line
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Envelope is the only shape an error has on the wire.
type Envelope struct {
	Error *Error `json:"error"`
}
