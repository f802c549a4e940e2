package config

// settingsFields are the settings of a session one by one, in the order in which
// the documentation has them.
var settingsFields = []settingsField{
	field(fieldTx, func(p *Peer) uint32 { return p.DesiredMinTx }, func(s *Settings) **uint32 { return &s.DesiredMinTx }),
	field(fieldRx, func(p *Peer) uint32 { return p.RequiredMinRx }, func(s *Settings) **uint32 { return &s.RequiredMinRx }),
	field(fieldDetectMult, func(p *Peer) uint8 { return p.DetectMult }, func(s *Settings) **uint8 { return &s.DetectMult }),
	field(fieldPassive, func(p *Peer) bool { return p.Passive }, func(s *Settings) **bool { return &s.Passive }),
	field(fieldShutdown, func(p *Peer) bool { return p.Shutdown }, func(s *Settings) **bool { return &s.Shutdown }),
	field(fieldHoldDown, func(p *Peer) bool { return p.HoldDown }, func(s *Settings) **bool { return &s.HoldDown }),
	field(fieldHoldOff, func(p *Peer) uint32 { return p.HoldOff }, func(s *Settings) **uint32 { return &s.HoldOff }),
	field(fieldEcho, func(p *Peer) bool { return p.EchoTx != 0 }, func(s *Settings) **bool { return &s.Echo }),
	field(fieldEchoTx, func(p *Peer) uint32 { return p.EchoTx }, func(s *Settings) **uint32 { return &s.EchoTx }),
	field(fieldEchoRx, func(p *Peer) uint32 { return p.EchoRx }, func(s *Settings) **uint32 { return &s.EchoRx }),
	field(fieldDemand, func(p *Peer) bool { return p.Demand }, func(s *Settings) **bool { return &s.Demand }),
	field(fieldDemandPoll, func(p *Peer) uint32 { return p.DemandPoll }, func(s *Settings) **uint32 { return &s.DemandPoll }),
	field(fieldMinTTL, func(p *Peer) uint8 { return p.MinTTL }, func(s *Settings) **uint8 { return &s.MinTTL }),
	field(fieldStrict, func(p *Peer) bool { return p.Strict }, func(s *Settings) **bool { return &s.Strict }),
	field(fieldCeiling, func(p *Peer) uint32 { return p.Ceiling }, func(s *Settings) **uint32 { return &s.Ceiling }),
	field(fieldDSCP, func(p *Peer) uint8 { return p.DSCP }, func(s *Settings) **uint8 { return &s.DSCP }),
	field(fieldAuth, func(p *Peer) Auth { return p.Auth }, func(s *Settings) **Auth { return &s.Auth }),
}

// settingsField is one setting: its name in the file, whether two sessions have
// it alike, and how a set of settings does without it.
type settingsField struct {
	name  string
	same  func(p, q Peer) bool
	unset func(*Settings)
}

func field[T comparable](name string, of func(*Peer) T, in func(*Settings) **T) settingsField {
	return settingsField{
		name:  name,
		same:  func(p, q Peer) bool { return of(&p) == of(&q) },
		unset: func(s *Settings) { *in(s) = nil },
	}
}
