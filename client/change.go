package client

import "net/netip"

// SessionChange is what can be changed on a live session; nil leaves a value as it is.
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

// SessionSpec asks for a new session; only the peer is always needed.
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

// ClientSpec is what a client asks of a session; what is left out it takes as it
// is.
type ClientSpec struct {
	SessionChange
	ClientFlags
}
