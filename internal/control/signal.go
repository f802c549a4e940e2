package control

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/xbfd/xbfd/packet"
)

// Signals are the diagnostics that somebody outside may set on a session: what
// the forwarding plane or the rest of a path has told them. The last one takes
// the others back.
var Signals = []packet.Diag{
	packet.DiagForwardingReset, packet.DiagPathDown, packet.DiagConcatPathDown, packet.DiagReverseConcat, packet.DiagNone,
}

// SignalNames returns the names of Signals, in their order.
func SignalNames() []string {
	names := make([]string, len(Signals))
	for i, d := range Signals {
		names[i] = d.String()
	}
	return names
}

// signalBody is the body of POST /v1/sessions/{id}/diag.
type signalBody struct {
	Diagnostic string `json:"diagnostic"`
}

func decodeSignal(body []byte) (packet.Diag, error) {
	var b signalBody
	if err := decode(body, keys{"diagnostic": is(&b.Diagnostic, "a string")}); err != nil {
		return 0, err
	}
	for _, d := range Signals {
		if d.String() == b.Diagnostic {
			return d, nil
		}
	}
	wrong := "is missing: give one of " + strings.Join(SignalNames(), ", ")
	if b.Diagnostic != "" {
		text, _ := json.Marshal(b.Diagnostic)
		wrong = short(text) + " is not one of " + strings.Join(SignalNames(), ", ")
	}
	return 0, &Error{Code: CodeInvalid, Field: "diagnostic", Message: wrong}
}

func (s *Server) signal(r *http.Request) (int, any, error) {
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	d, err := decodeSignal(body)
	if err != nil {
		return 0, nil, err
	}
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	signalled, err := s.backend.Signal(r.Context(), found.LocalDiscriminator, d)
	return http.StatusOK, whole(signalled), err
}

func (s *Server) poll(r *http.Request) (int, any, error) {
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	polled, err := s.backend.Poll(r.Context(), found.LocalDiscriminator)
	return http.StatusOK, whole(polled), err
}
