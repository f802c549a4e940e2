package control

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

func (s *Server) changeInterface(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	var c InterfaceChange
	if err := decode(body, keys{"transport": is(&c.Transport, "a string")}); err != nil {
		return 0, nil, err
	}
	if c.Transport == nil {
		return 0, nil, &Error{Code: CodeInvalid, Field: "transport", Message: "say which: " + strings.Join(config.Transports, ", ")}
	}
	if !slices.Contains(config.Transports, *c.Transport) {
		return 0, nil, &Error{Code: CodeInvalid, Field: "transport",
			Message: fmt.Sprintf("%q is none: there are %s", *c.Transport, strings.Join(config.Transports, ", "))}
	}
	changed, err := s.backend.ChangeInterface(r.Context(), r.PathValue("name"), c)
	return http.StatusOK, wholeInterface(changed), err
}

// wholeInterface is i with nothing in it that JSON would call null.
func wholeInterface(i InterfaceStatus) InterfaceStatus {
	i.Counters, i.Lowers = counts(i.Counters), list(i.Lowers)
	return i
}
