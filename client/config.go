package client

import (
	"encoding/json"
	"net/netip"
)

// Profile is a profile and who has it.
type Profile struct {
	Name     string          `json:"name"`
	Defined  bool            `json:"defined"`  // false: sessions name it, and there is none (yet)
	Settings json.RawMessage `json:"settings"` // an object: what it chooses, in the words of the file
	Sessions []ProfileUser   `json:"sessions"`
}

// ProfileUser is a session that has a profile.
type ProfileUser struct {
	Peer               netip.Addr `json:"peer"`
	Local              netip.Addr `json:"local"`     // as asked for; empty when the route decides
	Interface          string     `json:"interface"` // likewise
	Owner              string     `json:"owner"`
	LocalDiscriminator uint32     `json:"local-discriminator"`
}

// SessionDiff is what a reload, or another configuration as a whole, did to one
// session.
type SessionDiff struct {
	What      string     `json:"what"` // added, removed or changed
	Peer      netip.Addr `json:"peer"`
	Local     netip.Addr `json:"local"`     // as asked for; empty when the route decides
	Interface string     `json:"interface"` // likewise
	VRF       string     `json:"vrf"`
	Multihop  bool       `json:"multihop"`
	Fields    []string   `json:"fields"` // that changed, by their names in the file
}

// Debug says for each topic whether everything about it is logged.
type Debug struct {
	Peer    bool `json:"peer"`    // what is asked of sessions: created, changed, removed
	Network bool `json:"network"` // their paths: interfaces, neighbours, routes
	Events  bool `json:"events"`  // each change of state, and who is told of it
}

// DebugChange switches topics; nil leaves one as it is.
type DebugChange struct {
	Peer    *bool `json:"peer,omitempty"`
	Network *bool `json:"network,omitempty"`
	Events  *bool `json:"events,omitempty"`
}
