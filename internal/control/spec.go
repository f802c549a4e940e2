package control

import (
	"encoding/json"
	"fmt"
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
	HoldDown      *bool   `json:"hold-down,omitempty"`
	DSCP          *uint8  `json:"dscp,omitempty"`

	MinTTL     *uint8  `json:"minimum-ttl,omitempty"` // multihop only
	Strict     *bool   `json:"strict-interface,omitempty"`
	Echo       *bool   `json:"echo-mode,omitempty"`
	EchoTx     *uint32 `json:"echo-transmit-interval-us,omitempty"`
	EchoRx     *uint32 `json:"echo-receive-interval-us,omitempty"` // 0: none are looped
	Demand     *bool   `json:"demand-mode,omitempty"`
	DemandPoll *uint32 `json:"demand-poll-interval-us,omitempty"` // 0: only on command
	Ceiling    *uint32 `json:"congestion-ceiling-us,omitempty"`   // 0: congestion slows nothing
	HoldOff    *uint32 `json:"hold-off-us,omitempty"`
}

// SessionSpec asks for a new session. It is the body of POST /v1/sessions;
// only the peer is always needed.
type SessionSpec struct {
	Peer         netip.Addr `json:"peer"`
	Local        netip.Addr `json:"local,omitzero"`
	Interface    string     `json:"interface,omitempty"`
	VRF          string     `json:"vrf,omitempty"`
	Multihop     bool       `json:"multihop,omitempty"`
	Unaffiliated bool       `json:"unaffiliated-echo,omitempty"`
	Profile      string     `json:"profile,omitempty"`
	Auth         *AuthSpec  `json:"auth,omitempty"`
	SessionChange
}

// Resolve returns the session that s asks for, as the same words in a file
// would. The error is an *Error of CodeInvalid.
func (s SessionSpec) Resolve(profiles map[string]config.Settings) (config.Peer, error) {
	own := s.settings()
	if s.Auth != nil {
		auth, err := s.Auth.Resolve()
		if err != nil {
			return config.Peer{}, err
		}
		own.Auth = &auth
	}
	key := config.Key{
		Peer: s.Peer, Local: s.Local, Interface: s.Interface, VRF: s.VRF,
		Multihop: s.Multihop, Unaffiliated: s.Unaffiliated,
	}
	p, faults := config.NewPeer(key, s.Profile, own, profiles)
	return p, invalid(faults)
}

// Apply returns p with the changes made. The error is an *Error of CodeInvalid.
func (c SessionChange) Apply(p config.Peer) (config.Peer, error) {
	p, faults := p.With(c.settings())
	return p, invalid(faults)
}

func (c SessionChange) settings() config.Settings {
	return config.Settings{
		DesiredMinTx: c.DesiredMinTx, RequiredMinRx: c.RequiredMinRx, DetectMult: c.DetectMult,
		Passive: c.Passive, Shutdown: c.Shutdown, HoldDown: c.HoldDown, DSCP: c.DSCP,
		MinTTL: c.MinTTL, Strict: c.Strict, Echo: c.Echo, EchoTx: c.EchoTx, EchoRx: c.EchoRx,
		Demand: c.Demand, DemandPoll: c.DemandPoll, Ceiling: c.Ceiling, HoldOff: c.HoldOff,
	}
}

// The keys of the two bodies, and what each value has to be.
func (c *SessionChange) keys() keys {
	const boolean, interval = "true or false", "a whole number of microseconds from %d to 4294967295"
	us := func(into **uint32, low int) func(json.RawMessage) string { return is(into, fmt.Sprintf(interval, low)) }
	return keys{
		"desired-min-tx-us":         us(&c.DesiredMinTx, 100),
		"required-min-rx-us":        us(&c.RequiredMinRx, 0),
		"detect-multiplier":         is(&c.DetectMult, "a whole number from 1 to 255"),
		"passive-mode":              is(&c.Passive, boolean),
		"shutdown":                  is(&c.Shutdown, boolean),
		"hold-down":                 is(&c.HoldDown, boolean),
		"dscp":                      is(&c.DSCP, "a whole number from 0 to 63"),
		"minimum-ttl":               is(&c.MinTTL, "a whole number from 1 to 255"),
		"strict-interface":          is(&c.Strict, boolean),
		"echo-mode":                 is(&c.Echo, boolean),
		"echo-transmit-interval-us": us(&c.EchoTx, 100),
		"echo-receive-interval-us":  us(&c.EchoRx, 0),
		"demand-mode":               is(&c.Demand, boolean),
		"demand-poll-interval-us":   us(&c.DemandPoll, 0),
		"congestion-ceiling-us":     us(&c.Ceiling, 0),
		"hold-off-us":               us(&c.HoldOff, 0),
	}
}

func (s *SessionSpec) keys() keys {
	k := s.SessionChange.keys()
	k["peer"] = isAddr(&s.Peer)
	k["local"] = isAddr(&s.Local)
	k["interface"] = is(&s.Interface, "a string")
	k["vrf"] = is(&s.VRF, "a string")
	k["multihop"] = is(&s.Multihop, "true or false")
	k["unaffiliated-echo"] = is(&s.Unaffiliated, "true or false")
	k["profile"] = is(&s.Profile, "a string")
	k["auth"] = isAuth(&s.Auth)
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
