package control

import (
	"net/http"

	"github.com/xbfd/xbfd/client"
)

func (s *Server) counters(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	t, err := s.backend.Totals(r.Context())
	t.RxDiscarded, t.Sessions.RxDiscarded, t.Interfaces = counts(t.RxDiscarded), counts(t.Sessions.RxDiscarded), list(t.Interfaces)
	for i := range t.Interfaces {
		t.Interfaces[i].Counters = counts(t.Interfaces[i].Counters)
	}
	return http.StatusOK, t, err
}

func (s *Server) clearAll(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.backend.ClearAll(r.Context())
}

func (s *Server) clear(r *http.Request) (int, any, error) {
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	var q client.ClearQuery
	if len(body) > 0 {
		if err := decode(body, keys{"only-packets": is(&q.OnlyPackets, "true or false")}); err != nil {
			return 0, nil, err
		}
	}
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	cleared, err := s.backend.Clear(r.Context(), found.LocalDiscriminator, q.OnlyPackets)
	return http.StatusOK, whole(cleared), err
}
