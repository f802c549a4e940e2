package config

import (
	"fmt"
	"net/netip"
)

// DocPeer is an item of peers.
type DocPeer struct {
	Peer         netip.Addr `json:"peer"`
	Local        netip.Addr `json:"local-address,omitzero"`
	Interface    string     `json:"interface,omitempty"`
	VRF          string     `json:"vrf,omitempty"`
	Profile      string     `json:"profile,omitempty"`
	Multihop     bool       `json:"multihop,omitempty"`
	Unaffiliated bool       `json:"unaffiliated-echo,omitempty"`
	DocSettings
}

// DocSettings are what a profile and a peer have in common.
type DocSettings struct {
	Tx         string   `json:"transmit-interval,omitempty"`
	Rx         string   `json:"receive-interval,omitempty"`
	DetectMult *uint8   `json:"detect-multiplier,omitempty"`
	Passive    *bool    `json:"passive-mode,omitempty"`
	Shutdown   *bool    `json:"shutdown,omitempty"`
	HoldDown   *bool    `json:"hold-down,omitempty"`
	HoldOff    string   `json:"hold-off,omitempty"`
	Echo       *bool    `json:"echo-mode,omitempty"`
	EchoTx     string   `json:"echo-transmit-interval,omitempty"`
	EchoRx     string   `json:"echo-receive-interval,omitempty"`
	Demand     *bool    `json:"demand-mode,omitempty"`
	DemandPoll string   `json:"demand-poll-interval,omitempty"`
	MinTTL     *uint8   `json:"minimum-ttl,omitempty"`
	Strict     *bool    `json:"strict-interface,omitempty"`
	Ceiling    string   `json:"congestion-ceiling,omitempty"`
	DSCP       *uint8   `json:"dscp,omitempty"`
	Auth       *DocAuth `json:"auth,omitempty"`
}

// DocAuth is the auth of a peer or a profile; the zero DocAuth is "none".
type DocAuth struct {
	Key   *uint32 `json:"key"`
	KeyID *uint8  `json:"bfd-key-id,omitempty"`
}

// MarshalJSON writes "none" for none.
func (a DocAuth) MarshalJSON() ([]byte, error) {
	if a.Key == nil {
		return []byte(`"none"`), nil
	}
	if a.KeyID == nil {
		return fmt.Appendf(nil, `{"key":%d}`, *a.Key), nil
	}
	return fmt.Appendf(nil, `{"key":%d,"bfd-key-id":%d}`, *a.Key, *a.KeyID), nil
}

// Document returns what s chooses, in the words of a file.
func (s Settings) Document() DocSettings {
	us := func(p *uint32) string {
		if p == nil {
			return ""
		}
		return FormatInterval(uint64(*p))
	}
	d := DocSettings{
		Tx: us(s.DesiredMinTx), Rx: us(s.RequiredMinRx), DetectMult: s.DetectMult, Passive: s.Passive, Shutdown: s.Shutdown,
		HoldDown: s.HoldDown, HoldOff: us(s.HoldOff), Echo: s.Echo, EchoTx: us(s.EchoTx), EchoRx: us(s.EchoRx),
		Demand: s.Demand, DemandPoll: us(s.DemandPoll), MinTTL: s.MinTTL, Strict: s.Strict, Ceiling: us(s.Ceiling), DSCP: s.DSCP,
	}
	if s.EchoRx != nil && *s.EchoRx == 0 {
		d.EchoRx = wordDisabled
	}
	if s.Auth != nil {
		d.Auth = &DocAuth{}
		if s.Auth.On {
			d.Auth = &DocAuth{Key: &s.Auth.Key, KeyID: &s.Auth.KeyID}
		}
	}
	return d
}

// document returns p as a peer that has this profile.
func (p Peer) document(profile Settings) DocPeer {
	d := DocPeer{
		Peer: p.Peer, Local: p.Local, Interface: p.Interface, Profile: p.Profile,
		Multihop: p.Multihop, Unaffiliated: p.Unaffiliated, DocSettings: p.own(profile).Document(),
	}
	if p.VRF != DefaultVRF {
		d.VRF = p.VRF
	}
	return d
}

// own returns the settings that make p of what it has from its profile.
func (p Peer) own(profile Settings) Settings {
	has := profile.session(p.Key(), p.Profile)
	own := p.settings()
	for _, f := range settingsFields {
		if f.same(p, has) {
			f.unset(&own)
		}
	}
	return own
}

// Changed returns the names, as the file spells them, of what p and q have
// different: nothing of what tells sessions from each other.
func (p Peer) Changed(q Peer) []string {
	var names []string
	if p.Profile != q.Profile {
		names = append(names, fieldProfile)
	}
	for _, f := range settingsFields {
		if !f.same(p, q) {
			names = append(names, f.name)
		}
	}
	return names
}
