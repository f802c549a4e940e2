package control

import (
	"encoding/json"
	"fmt"

	"github.com/xbfd/xbfd/internal/config"
)

// Resolve returns the session that s asks for, as the same words in a file
// would. The error is an *Error of CodeInvalid.
func Resolve(s SessionSpec, profiles map[string]config.Settings) (config.Peer, error) {
	own, err := Own(s)
	if err != nil {
		return config.Peer{}, err
	}
	key := config.Key{
		Peer: s.Peer, Local: s.Local, Interface: s.Interface, VRF: s.VRF,
		Multihop: s.Multihop, Unaffiliated: s.Unaffiliated,
	}
	p, faults := config.NewPeer(key, s.Profile, own, profiles)
	return p, invalid(faults)
}

// Own returns what s chooses itself, whatever its profile says. The error is an
// *Error of CodeInvalid.
func Own(s SessionSpec) (config.Settings, error) {
	own := Settings(s.SessionChange)
	if s.Auth != nil {
		auth, err := ResolveAuth(s.Auth)
		if err != nil {
			return own, err
		}
		own.Auth = &auth
	}
	return own, nil
}

// Apply returns p with the changes made. The error is an *Error of CodeInvalid.
func Apply(c SessionChange, p config.Peer) (config.Peer, error) {
	p, faults := p.With(Settings(c))
	return p, invalid(faults)
}

// Settings are what c chooses.
func Settings(c SessionChange) config.Settings {
	return config.Settings{
		DesiredMinTx: c.DesiredMinTx, RequiredMinRx: c.RequiredMinRx, DetectMult: c.DetectMult,
		Passive: c.Passive, Shutdown: c.Shutdown, HoldDown: c.HoldDown, DSCP: c.DSCP,
		MinTTL: c.MinTTL, Strict: c.Strict, Echo: c.Echo, EchoTx: c.EchoTx, EchoRx: c.EchoRx,
		Demand: c.Demand, DemandPoll: c.DemandPoll, Ceiling: c.Ceiling, HoldOff: c.HoldOff,
	}
}

// The keys of the two bodies, and what each value has to be.
func changeKeys(c *SessionChange) keys {
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

func specKeys(s *SessionSpec) keys {
	k := changeKeys(&s.SessionChange)
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
	if err := decode(body, specKeys(&s)); err != nil {
		return SessionSpec{}, err
	}
	// The profile's own values were checked when the file was read.
	_, err = Resolve(s, nil)
	return s, err
}

// decodeChange reads and checks the body of PATCH /v1/sessions/{id}.
func decodeChange(body []byte) (c SessionChange, err error) {
	if err := decode(body, changeKeys(&c)); err != nil {
		return SessionChange{}, err
	}
	if c == (SessionChange{}) {
		return c, Errorf(CodeBadRequest, "nothing to change: give at least one key")
	}
	return c, invalid(Settings(c).Check())
}
