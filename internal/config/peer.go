package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// Key tells one session from every other. It is comparable, and so a map key.
type Key struct {
	Peer      netip.Addr // without a zone
	Local     netip.Addr // the zero Addr when the route decides
	Interface string     // empty when the route decides
	VRF       string

	// What kind of session it is is part of it: one that hears of its peer over
	// several hops never becomes one that does over a single one.
	Multihop     bool // RFC 5883
	Unaffiliated bool // RFC 9747
}

// Peer is one session as it is to run: nothing in it is left open. It is
// comparable; two Peers that differ only in Line ask for the same thing.
// Intervals are microseconds.
type Peer struct {
	Peer, Local             netip.Addr
	Interface, VRF, Profile string
	Multihop, Unaffiliated  bool // not both; neither is a single hop

	DesiredMinTx  uint32 // 100 or more
	RequiredMinRx uint32 // 0 only with HoldDown
	DetectMult    uint8  // 1 to 255
	Passive       bool
	Shutdown      bool
	DSCP          uint8 // 0 to 63
	Auth          Auth

	MinTTL     uint8  // 1 to 255 for multihop, otherwise 0
	Strict     bool   // packets count on the path's interface only
	EchoTx     uint32 // 100 or more in echo mode, otherwise 0
	EchoRx     uint32 // what to offer where echoes can be returned; 0 for nothing
	Demand     bool
	DemandPoll uint32 // 0: only on command
	HoldDown   bool
	HoldOff    uint32 // how long clients are not told of a failure
	Ceiling    uint32 // how slow congestion may make it; 0: congestion changes nothing

	Line int // in the file; 0 when it came from elsewhere
}

// Key returns the identity of the session.
func (p Peer) Key() Key {
	return Key{
		Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF,
		Multihop: p.Multihop, Unaffiliated: p.Unaffiliated,
	}
}

// Named returns the same session with another key, which names it in other words.
func (p Peer) Named(k Key) Peer {
	p.Peer, p.Local, p.Interface, p.VRF, p.Multihop, p.Unaffiliated = k.Peer, k.Local, k.Interface, k.VRF, k.Multihop, k.Unaffiliated
	return p
}

// Authenticated returns the same session with another authentication, or p itself
// if that is its own.
func (p *Peer) Authenticated(a Auth) *Peer {
	if p.Auth == a {
		return p
	}
	other := *p
	other.Auth = a
	return &other
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
	p := own.Over(profiles[profile]).session(k, profile)
	alone := own.session(k, "").check()
	for _, f := range p.check() {
		if !slices.Contains(alone, f) {
			f.Text += fmt.Sprintf(" (its profile %q has a part in this: change that, or name another)", profile)
		}
		faults = append(faults, f)
	}
	return p, faults
}

// With returns p with the settings that s chooses. It stays the same session:
// its Key and its Line are p's. With any Fault the Peer must not be used.
func (p Peer) With(s Settings) (Peer, []Fault) {
	faults := s.Check()
	if s.EchoTx != nil && !or(s.Echo, p.EchoTx != 0) {
		faults = append(faults, Fault{fieldEchoTx, "the session sends no echo: set echo-mode to true with it"})
	}
	changed := s.Over(p.settings()).session(p.Key(), p.Profile)
	changed.Line = p.Line
	return changed, append(faults, changed.check()...)
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
