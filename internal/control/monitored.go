package control

import "net/http"

// monitored answers with the routes and addresses that sessions decide about.
func (s *Server) monitored(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	all, err := s.backend.Routes(r.Context())
	for i := range all {
		all[i].Members = list(all[i].Members)
	}
	return http.StatusOK, list(all), err
}
