package control

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

const echoSourcePath = "/v1/echo-source"

func decodeEchoSource(body []byte) (config.EchoSource, error) {
	var e EchoSource
	if err := decode(body, keys{"interface": is(&e.Interface, "a string"), "address": isAddrs(&e.Addresses)}); err != nil {
		return config.EchoSource{}, err
	}
	source, faults := config.NewEchoSource(e.Interface, e.Addresses)
	return source, invalid(faults)
}

// isAddrs takes one address or a list of them.
func isAddrs(into *[]netip.Addr) func(json.RawMessage) string {
	return func(raw json.RawMessage) string {
		all := []json.RawMessage{raw}
		if strings.HasPrefix(string(raw), "[") && json.Unmarshal(raw, &all) != nil {
			return short(raw) + " is not a list of addresses"
		}
		for _, one := range all {
			var a netip.Addr
			if wrong := isAddr(&a)(one); wrong != "" {
				return wrong
			}
			if a.IsValid() {
				*into = append(*into, a)
			}
		}
		return ""
	}
}

func (s *Server) showEchoSource(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	e, err := s.backend.EchoSource(r.Context())
	return http.StatusOK, shown(e), err
}

func (s *Server) setEchoSource(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	e, err := decodeEchoSource(body)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, shown(e), s.backend.SetEchoSource(r.Context(), e)
}

func (s *Server) deleteEchoSource(r *http.Request) (int, any, error) {
	if _, err := parseFilter(r.URL.RawQuery); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.backend.SetEchoSource(r.Context(), config.EchoSource{})
}

// shown is a source as API and CLI show it.
func shown(e config.EchoSource) EchoSource {
	s := EchoSource{Interface: e.Interface, Addresses: []netip.Addr{}}
	for _, a := range []netip.Addr{e.IPv4, e.IPv6} {
		if a.IsValid() {
			s.Addresses = append(s.Addresses, a)
		}
	}
	return s
}
