package control

import (
	"net/netip"

	"github.com/xbfd/xbfd/internal/config"
)

// SessionChange is what can be changed on a live session; nil leaves a value
// as it is. It is the body of PATCH /v1/sessions/{id}.
type SessionChange struct {
	DesiredMinTx  *uint32 `json:"desired-min-tx-us,omitempty"`
	RequiredMinRx *uint32 `json:"required-min-rx-us,omitempty"`
	DetectMult    *uint8  `json:"detect-multiplier,omitempty"`
	Passive       *bool   `json:"passive-mode,omitempty"`
	Shutdown      *bool   `json:"shutdown,omitempty"`
}

// SessionSpec asks for a new session. It is the body of POST /v1/sessions;
// only the peer is always needed.
type SessionSpec struct {
	Peer      netip.Addr `json:"peer"`
	Local     netip.Addr `json:"local,omitzero"`
	Interface string     `json:"interface,omitempty"`
	VRF       string     `json:"vrf,omitempty"`
	Profile   string     `json:"profile,omitempty"`
	DSCP      *uint8     `json:"dscp,omitempty"`
	Auth      *AuthSpec  `json:"auth,omitempty"`
	SessionChange
}

// Resolve returns the session that s asks for, as the same words in a file
// would. The error is an *Error of CodeInvalid.
func (s SessionSpec) Resolve(profiles map[string]config.Settings) (config.Peer, error) {
	own := s.settings()
	own.DSCP = s.DSCP
	if s.Auth != nil {
		auth, err := s.Auth.Resolve()
		if err != nil {
			return config.Peer{}, err
		}
		own.Auth = &auth
	}
	key := config.Key{Peer: s.Peer, Local: s.Local, Interface: s.Interface, VRF: s.VRF}
	p, faults := config.NewPeer(key, s.Profile, own, profiles)
	return p, invalid(faults)
}

// Apply returns p with the changes made. The error is an *Error of CodeInvalid.
func (c SessionChange) Apply(p config.Peer) (config.Peer, error) {
	if err := invalid(c.settings().Check()); err != nil {
		return config.Peer{}, err
	}
	change(&p.DesiredMinTx, c.DesiredMinTx)
	change(&p.RequiredMinRx, c.RequiredMinRx)
	change(&p.DetectMult, c.DetectMult)
	change(&p.Passive, c.Passive)
	change(&p.Shutdown, c.Shutdown)
	return p, nil
}

func change[T any](value, to *T) {
	if to != nil {
		*value = *to
	}
}

func (c SessionChange) settings() config.Settings {
	return config.Settings{
		DesiredMinTx:  c.DesiredMinTx,
		RequiredMinRx: c.RequiredMinRx,
		DetectMult:    c.DetectMult,
		Passive:       c.Passive,
		Shutdown:      c.Shutdown,
	}
}

// The keys of the two bodies, and what each value has to be.
func (c *SessionChange) keys() keys {
	return keys{
		"desired-min-tx-us":  is(&c.DesiredMinTx, "a whole number of microseconds from 100 to 4294967295"),
		"required-min-rx-us": is(&c.RequiredMinRx, "a whole number of microseconds from 1 to 4294967295"),
		"detect-multiplier":  is(&c.DetectMult, "a whole number from 1 to 255"),
		"passive-mode":       is(&c.Passive, "true or false"),
		"shutdown":           is(&c.Shutdown, "true or false"),
	}
}

func (s *SessionSpec) keys() keys {
	k := s.SessionChange.keys()
	k["peer"] = isAddr(&s.Peer)
	k["local"] = isAddr(&s.Local)
	k["interface"] = is(&s.Interface, "a string")
	k["vrf"] = is(&s.VRF, "a string")
	k["profile"] = is(&s.Profile, "a string")
	k["auth"] = isAuth(&s.Auth)
	k["dscp"] = is(&s.DSCP, "a whole number from 0 to 63")
	return k
}

// decodeSpec reads and checks the body of POST /v1/sessions.
func decodeSpec(body []byte) (s SessionSpec, err error) {
	if err := decode(body, s.keys()); err != nil {
		return SessionSpec{}, err
	}
	// The profile's own values were checked when the file was read.
	_, err = s.Resolve(nil)
	return s, err
}

// decodeChange reads and checks the body of PATCH /v1/sessions/{id}.
func decodeChange(body []byte) (c SessionChange, err error) {
	if err := decode(body, c.keys()); err != nil {
		return SessionChange{}, err
	}
	if c == (SessionChange{}) {
		return c, Errorf(CodeBadRequest, "nothing to change: give at least one key")
	}
	return c, invalid(c.settings().Check())
}
