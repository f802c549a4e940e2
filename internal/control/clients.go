package control

import (
	"net/http"
	"strings"
)

func decodeClient(body []byte) (c ClientSpec, err error) {
	k := changeKeys(&c.SessionChange)
	k["depends-only-on-bfd"] = is(&c.DependsOnlyOnBFD, "true or false")
	k["assume-capable"] = is(&c.AssumeCapable, "true or false")
	if err := decode(body, k); err != nil {
		return ClientSpec{}, err
	}
	return c, invalid(Settings(c.SessionChange).Check())
}

const maxClientName = 64

// clientName returns the name in the path of r.
func clientName(r *http.Request) (string, error) {
	name := r.PathValue("name")
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.:@", r))
	}
	if len(name) > maxClientName || strings.ContainsFunc(name, odd) {
		return "", Errorf(CodeBadRequest, "a client's name has at most %d letters, digits and - _ . : @", maxClientName)
	}
	return name, nil
}

func (s *Server) setClient(r *http.Request) (int, any, error) {
	name, err := clientName(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return 0, nil, err
	}
	spec, err := decodeClient(body)
	if err != nil {
		return 0, nil, err
	}
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	shared, err := s.backend.SetClient(r.Context(), found.LocalDiscriminator, name, spec)
	return http.StatusOK, whole(shared), err
}

func (s *Server) deleteClient(r *http.Request) (int, any, error) {
	name, err := clientName(r)
	if err != nil {
		return 0, nil, err
	}
	found, err := s.running(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.backend.DeleteClient(r.Context(), found.LocalDiscriminator, name)
}
