package control

import (
	"cmp"
	"net/http"
	"slices"
)

func (s *Server) profiles(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	all, err := s.backend.Profiles(r.Context())
	slices.SortFunc(all, func(a, b Profile) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all {
		all[i].Sessions = list(all[i].Sessions)
		slices.SortFunc(all[i].Sessions, func(a, b ProfileUser) int {
			return cmp.Or(a.Peer.Compare(b.Peer), cmp.Compare(a.LocalDiscriminator, b.LocalDiscriminator))
		})
	}
	return http.StatusOK, list(all), err
}
