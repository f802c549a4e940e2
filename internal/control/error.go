package control

import (
	"fmt"
	"net/http"

	"github.com/xbfd/xbfd/internal/config"
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

// Errorf returns an Error without a field.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func httpStatus(e *Error) int {
	if e.Status != 0 {
		return e.Status
	}
	if status, known := statusOf[e.Code]; known {
		return status
	}
	return http.StatusInternalServerError
}

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
