package config

// Settings are the values that a profile, a file's peer or an API client may
// choose for a session. Nil means not chosen here. Intervals are microseconds.
type Settings struct {
	DesiredMinTx  *uint32
	RequiredMinRx *uint32
	DetectMult    *uint8
	Passive       *bool
	Shutdown      *bool
	DSCP          *uint8
	Auth          *Auth

	MinTTL     *uint8 // multihop only
	Strict     *bool
	Echo       *bool
	EchoTx     *uint32 // without effect unless Echo
	EchoRx     *uint32 // 0: the peer's echoes are not returned
	Demand     *bool
	DemandPoll *uint32 // 0: only on command
	HoldDown   *bool
	HoldOff    *uint32
	Ceiling    *uint32 // 0: congestion slows nothing
}

// Over returns s with what it leaves open taken from base.
func (s Settings) Over(base Settings) Settings {
	return Settings{
		DesiredMinTx:  first(s.DesiredMinTx, base.DesiredMinTx),
		RequiredMinRx: first(s.RequiredMinRx, base.RequiredMinRx),
		DetectMult:    first(s.DetectMult, base.DetectMult),
		Passive:       first(s.Passive, base.Passive),
		Shutdown:      first(s.Shutdown, base.Shutdown),
		DSCP:          first(s.DSCP, base.DSCP),
		Auth:          first(s.Auth, base.Auth),
		MinTTL:        first(s.MinTTL, base.MinTTL),
		Strict:        first(s.Strict, base.Strict),
		Echo:          first(s.Echo, base.Echo),
		EchoTx:        first(s.EchoTx, base.EchoTx),
		EchoRx:        first(s.EchoRx, base.EchoRx),
		Demand:        first(s.Demand, base.Demand),
		DemandPoll:    first(s.DemandPoll, base.DemandPoll),
		HoldDown:      first(s.HoldDown, base.HoldDown),
		HoldOff:       first(s.HoldOff, base.HoldOff),
		Ceiling:       first(s.Ceiling, base.Ceiling),
	}
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func or[T any](p *T, fallback T) T {
	if p != nil {
		return *p
	}
	return fallback
}

// session returns the session that k and s ask for: what s leaves open is the
// default, and what a session of this kind cannot have is off.
func (s Settings) session(k Key, profile string) Peer {
	p := Peer{
		Peer: k.Peer, Local: k.Local,
		Interface: k.Interface, VRF: k.VRF, Profile: profile,
		Multihop: k.Multihop, Unaffiliated: k.Unaffiliated,
		DesiredMinTx:  or(s.DesiredMinTx, DefaultInterval),
		RequiredMinRx: or(s.RequiredMinRx, DefaultInterval),
		DetectMult:    or(s.DetectMult, DefaultDetectMult),
		Passive:       or(s.Passive, false),
		Shutdown:      or(s.Shutdown, false),
		DSCP:          or(s.DSCP, DefaultDSCP),
		Auth:          or(s.Auth, Auth{}),
		MinTTL:        or(s.MinTTL, 0),
		Strict:        or(s.Strict, false),
		Demand:        or(s.Demand, false),
		DemandPoll:    or(s.DemandPoll, DefaultDemandPoll),
		HoldDown:      or(s.HoldDown, false),
		HoldOff:       or(s.HoldOff, 0),
		Ceiling:       or(s.Ceiling, 0),
	}
	if p.Multihop {
		p.MinTTL = or(s.MinTTL, DefaultMinTTL)
	}
	if or(s.Echo, false) {
		p.EchoTx = or(s.EchoTx, DefaultEchoInterval)
	}
	if !p.Multihop && !p.Unaffiliated {
		p.EchoRx = or(s.EchoRx, DefaultEchoInterval)
	}
	return p
}

// settings are what p runs with, all of them chosen but those that a session of
// its kind cannot have.
func (p Peer) settings() Settings {
	echo := p.EchoTx != 0
	s := Settings{
		DesiredMinTx: &p.DesiredMinTx, RequiredMinRx: &p.RequiredMinRx, DetectMult: &p.DetectMult,
		Passive: &p.Passive, Shutdown: &p.Shutdown, DSCP: &p.DSCP, Auth: &p.Auth,
		Strict: &p.Strict, Echo: &echo, EchoRx: &p.EchoRx, Demand: &p.Demand, DemandPoll: &p.DemandPoll,
		HoldDown: &p.HoldDown, HoldOff: &p.HoldOff, Ceiling: &p.Ceiling,
	}
	if p.Multihop {
		s.MinTTL = &p.MinTTL
	}
	if echo {
		s.EchoTx = &p.EchoTx
	}
	return s
}
