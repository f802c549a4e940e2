package control

import (
	"net/http"
	"strings"
)

// SessionClient is one of those who share a session (RFC 5882 §2), and how the session
// looks to it.
type SessionClient struct {
	Name             string `json:"name"`           // file, api, or what it calls itself
	State            string `json:"state"`          // up throughout an outage that is held back from it
	Administrative   bool   `json:"administrative"` // down on purpose, here or at the peer: no failure
	Failed           bool   `json:"failed"`         // the path is to be taken for broken
	AdjacencyAllowed bool   `json:"adjacency-allowed"`
	HoldOff          uint32 `json:"hold-off-us"` // how long an outage may last before it is told
	ClientFlags
}

// ClientFlags say what a client makes of a session.
type ClientFlags struct {
	// DependsOnlyOnBFD: it has no other way to find out whether the peer lives,
	// so AdminDown is Down to it (RFC 5882 §3.2).
	DependsOnlyOnBFD bool `json:"depends-only-on-bfd"`
	// AssumeCapable: the peer is known to speak BFD, heard or not (RFC 5882 §5).
	AssumeCapable bool `json:"assume-capable"`
}

// ClientSpec is what a client asks of a session; what is left out it takes as it
// is. It is the body of PUT /v1/sessions/{id}/clients/{name}.
type ClientSpec struct {
	SessionChange
	ClientFlags
}

func decodeClient(body []byte) (c ClientSpec, err error) {
	k := c.SessionChange.keys()
	k["depends-only-on-bfd"] = is(&c.DependsOnlyOnBFD, "true or false")
	k["assume-capable"] = is(&c.AssumeCapable, "true or false")
	if err := decode(body, k); err != nil {
		return ClientSpec{}, err
	}
	return c, invalid(c.settings().Check())
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
