package control

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/xbfd/xbfd/internal/config"
)

const configPath = "/v1/config"

// maxConfig bounds a whole configuration, in bytes, as that of a file is bounded.
const maxConfig = 16 << 20

func bodyLimit(path string) int64 {
	if path == configPath {
		return maxConfig
	}
	return maxBody
}

func (s *Server) showConfig(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	doc, err := s.backend.Config(r.Context())
	return http.StatusOK, doc, err
}

func (s *Server) setConfig(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	// An empty file has no peers; an empty body is more likely a mistake.
	if len(bytes.TrimSpace(body)) == 0 {
		return 0, nil, Errorf(CodeBadRequest, "the body is empty: send a whole configuration, in JSON or YAML")
	}
	report, err := s.backend.SetConfig(r.Context(), body)
	return http.StatusOK, wholeReport(report), err
}

// Refused is how an error in a configuration is answered.
func Refused(err error) error {
	e := Errorf(CodeInvalid, "%v", err)
	var refused *config.Error
	if errors.As(err, &refused) {
		e.Field = refused.Problems[0].Field
	}
	return e
}

func wholeReport(r ReloadReport) ReloadReport {
	r.Changes, r.Settings = list(r.Changes), list(r.Settings)
	r.Warnings, r.RestartNeeded = list(r.Warnings), list(r.RestartNeeded)
	for i := range r.Changes {
		r.Changes[i].Fields = list(r.Changes[i].Fields)
	}
	return r
}

func (s *Server) showDebug(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	d, err := s.backend.Debug(r.Context())
	return http.StatusOK, d, err
}

func (s *Server) setDebug(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	var c DebugChange
	const boolean = "true or false"
	if err := decode(body, keys{"peer": is(&c.Peer, boolean), "network": is(&c.Network, boolean), "events": is(&c.Events, boolean)}); err != nil {
		return 0, nil, err
	}
	if c == (DebugChange{}) {
		return 0, nil, Errorf(CodeBadRequest, "nothing to change: give at least one of peer, network and events")
	}
	d, err := s.backend.SetDebug(r.Context(), c)
	return http.StatusOK, d, err
}
