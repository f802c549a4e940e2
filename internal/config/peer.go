package config

import "net/netip"

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

// Key tells one session from every other. It is comparable, and so a map key.
type Key struct {
	Peer      netip.Addr // without a zone
	Local     netip.Addr // the zero Addr when the route decides
	Interface string     // empty when the route decides
	VRF       string
}

// Peer is one session as it is to run: nothing in it is left open. It is
// comparable; two Peers that differ only in Line ask for the same thing.
type Peer struct {
	Peer, Local             netip.Addr
	Interface, VRF, Profile string

	DesiredMinTx  uint32 // microseconds, 100 or more
	RequiredMinRx uint32 // microseconds, 1 or more
	DetectMult    uint8  // 1 to 255
	Passive       bool
	Shutdown      bool
	DSCP          uint8 // 0 to 63
	Auth          Auth

	Line int // in the file; 0 when it came from elsewhere
}

// Key returns the identity of the session.
func (p Peer) Key() Key {
	return Key{Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF}
}

// NewPeer returns the session that key, the name of a profile and the settings
// chosen for the session itself ask for. The session's own settings win over
// the profile's, and those over the defaults; a profile that does not exist
// (yet) supplies nothing. A zone on the peer's or the local address names the
// interface. With any Fault the Peer must not be used.
func NewPeer(k Key, profile string, own Settings, profiles map[string]Settings) (Peer, []Fault) {
	faults := own.Check()
	k, zones := k.withoutZones()
	faults = append(faults, zones...)
	if k.VRF == "" {
		k.VRF = DefaultVRF
	}
	faults = append(faults, k.check()...)
	s := own
	if profile != "" {
		s = own.Over(profiles[profile])
	}
	return Peer{
		Peer: k.Peer, Local: k.Local,
		Interface: k.Interface, VRF: k.VRF, Profile: profile,
		DesiredMinTx:  or(s.DesiredMinTx, DefaultInterval),
		RequiredMinRx: or(s.RequiredMinRx, DefaultInterval),
		DetectMult:    or(s.DetectMult, DefaultDetectMult),
		Passive:       or(s.Passive, false),
		Shutdown:      or(s.Shutdown, false),
		DSCP:          or(s.DSCP, DefaultDSCP),
		Auth:          or(s.Auth, Auth{}),
	}, faults
}

// withoutZones moves the zone of fe80::1%eth0 to where the interface belongs.
func (k Key) withoutZones() (Key, []Fault) {
	var faults []Fault
	for _, a := range []struct {
		field string
		addr  *netip.Addr
	}{{fieldPeer, &k.Peer}, {fieldLocal, &k.Local}} {
		zone := a.addr.Zone()
		if zone == "" {
			continue
		}
		*a.addr = a.addr.WithZone("")
		switch {
		case !a.addr.IsLinkLocalUnicast():
			faults = append(faults, faultf(a.field,
				"only a link-local address takes a zone: remove %%%s and name the interface", zone))
		case k.Interface == "":
			k.Interface = zone
		case k.Interface != zone:
			faults = append(faults, faultf(a.field,
				"the zone %%%s is not the interface %s: remove one of them", zone, k.Interface))
		}
	}
	return k, faults
}
