package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

func (s *Server) routes() {
	for pattern, m := range s.table() {
		s.mux.HandleFunc(pattern, s.answer(m))
	}
	s.mux.HandleFunc(eventsPath, s.events)
	s.mux.HandleFunc(capturePath, s.capture)
	s.mux.HandleFunc("/", s.noRoute)
}

// metricsRoutes are one route: Prometheus asks for the second unless told
// otherwise.
var metricsRoutes = []string{"/v1/metrics", "/metrics"}

func (s *Server) answerMetrics(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		s.refuseMethod(w, r, methods{http.MethodGet: nil})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), backendTime)
	defer cancel()
	_, err := parseFilter(r.URL.RawQuery)
	if err == nil {
		err = s.metrics(w, r.WithContext(ctx))
	}
	if err != nil {
		s.fail(w, err)
	}
}

// table is every route of the API.
func (s *Server) table() map[string]methods {
	return map[string]methods{
		"/v1/sessions":                     {http.MethodGet: s.sessions, http.MethodPost: s.add},
		"/v1/sessions/{id}":                {http.MethodGet: s.show, http.MethodPatch: s.change, http.MethodDelete: s.remove},
		"/v1/sessions/{id}/auth":           {http.MethodPost: s.changeAuth},
		"/v1/sessions/{id}/poll":           {http.MethodPost: s.poll},
		"/v1/sessions/{id}/diag":           {http.MethodPost: s.signal},
		"/v1/sessions/{id}/clear":          {http.MethodPost: s.clear},
		"/v1/sessions/{id}/clients/{name}": {http.MethodPut: s.setClient, http.MethodDelete: s.deleteClient},
		echoSourcePath: {
			http.MethodGet: s.showEchoSource, http.MethodPut: s.setEchoSource, http.MethodDelete: s.deleteEchoSource,
		},
		"/v1/keys":              {http.MethodGet: s.listKeys},
		"/v1/keys/{id}":         {http.MethodGet: s.showKey, http.MethodPut: s.setKey, http.MethodDelete: s.deleteKey},
		"/v1/profiles":          {http.MethodGet: s.profiles},
		"/v1/routes":            {http.MethodGet: s.monitored},
		"/v1/counters":          {http.MethodGet: s.counters},
		"/v1/counters/clear":    {http.MethodPost: s.clearAll},
		"/v1/config":            {http.MethodGet: s.showConfig, http.MethodPut: s.setConfig},
		"/v1/interfaces/{name}": {http.MethodPatch: s.changeInterface},
		"/v1/debug":             {http.MethodGet: s.showDebug, http.MethodPut: s.setDebug},
		"/v1/reload":            {http.MethodPost: s.reload},
		"/v1/status":            {http.MethodGet: s.status},
	}
}

func (s *Server) noRoute(w http.ResponseWriter, r *http.Request) {
	e := Errorf(CodeNotFound, "no route %q: docs/api.md lists them", r.URL.Path)
	if near := config.Nearest(r.URL.Path, slices.Sorted(maps.Keys(s.table()))); near != "" {
		e.Message = fmt.Sprintf("no route %q: did you mean %q?", r.URL.Path, near)
	}
	s.fail(w, e)
}

func (s *Server) refuseMethod(w http.ResponseWriter, r *http.Request, m methods) {
	allowed := strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	w.Header().Set("Allow", allowed)
	s.fail(w, &Error{Code: CodeBadRequest, Status: http.StatusMethodNotAllowed,
		Message: fmt.Sprintf("%s is not for this route: it takes %s", r.Method, allowed)})
}

func (s *Server) sessions(r *http.Request) (int, any, error) {
	f, err := parseFilter(r.URL.RawQuery, "peer", "local", "interface", "vrf", "multihop", "state", "profile", "owner")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, each(func(fn func(*Session) error) error { return s.backend.EachSession(r.Context(), f, fn) }), nil
}

func (s *Server) add(r *http.Request) (int, any, error) {
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	spec, err := decodeSpec(body)
	if err != nil {
		return 0, nil, err
	}
	added, err := s.backend.AddSession(r.Context(), spec)
	return http.StatusCreated, whole(added), err
}

func (s *Server) show(r *http.Request) (int, any, error) {
	found, err := s.find(r)
	return http.StatusOK, whole(found), err
}

func (s *Server) change(r *http.Request) (int, any, error) {
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	change, err := decodeChange(body)
	if err != nil {
		return 0, nil, err
	}
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	changed, err := s.backend.ChangeSession(r.Context(), found.LocalDiscriminator, change)
	return http.StatusOK, whole(changed), err
}

func (s *Server) remove(r *http.Request) (int, any, error) {
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.backend.DeleteSession(r.Context(), found.LocalDiscriminator)
}

func (s *Server) reload(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	report, err := s.backend.Reload(r.Context())
	return http.StatusOK, wholeReport(report), err
}

func (s *Server) status(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	status, err := s.backend.Status(r.Context())
	status.Workers, status.Interfaces = list(status.Workers), list(status.Interfaces)
	status.DataPlanes = list(status.DataPlanes)
	status.Hooks, status.Warnings = list(status.Hooks), list(status.Warnings)
	status.RxDiscarded, status.Downs = counts(status.RxDiscarded), counts(status.Downs)
	for i := range status.Interfaces {
		status.Interfaces[i] = wholeInterface(status.Interfaces[i])
	}
	return http.StatusOK, status, err
}

// find returns the one session that {id} and the query mean.
func (s *Server) find(r *http.Request) (Session, error) {
	sel, err := parseSelector(r.PathValue("id"), r.URL.RawQuery)
	if err != nil {
		return Session{}, err
	}
	if sel.id == 0 {
		found, err := s.backend.Sessions(r.Context(), sel.Filter)
		if err != nil {
			return Session{}, err
		}
		sortSessions(found)
		one, err := sel.one(found)
		if err != nil || one.LocalDiscriminator == 0 {
			return one, err
		}
		sel.id = one.LocalDiscriminator // of one there is more to tell
	}
	found, err := s.backend.Session(r.Context(), sel.id)
	if err == nil && !sel.Match(&found) {
		return sel.one(nil)
	}
	return found, err
}

// running is find for a route that does something to the session, which takes
// one that the Backend runs.
func (s *Server) running(r *http.Request) (Session, error) {
	found, err := s.find(r)
	if err == nil && found.LocalDiscriminator == 0 {
		return found, Errorf(CodeUnavailable, "the session does not run: %s", found.Path)
	}
	return found, err
}

func bodyOf(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &Error{Code: CodeBadRequest, Status: http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the body is longer than %d bytes", tooLong.Limit)}
	case err != nil:
		return nil, Errorf(CodeBadRequest, "the body cannot be read: %s", err)
	}
	return body, nil
}

// What is empty is [] or {} in an answer, never null: scripts need not ask.

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func counts(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

func whole(s Session) Session {
	s.Counters.RxDiscarded = counts(s.Counters.RxDiscarded)
	s.Clients = list(s.Clients)
	s.Echo.RTT.Histogram = list(s.Echo.RTT.Histogram)
	return s
}
