package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// InterfaceStatus is one interface that sessions use.
type InterfaceStatus struct {
	Name            string `json:"name"`
	VRF             string `json:"vrf"`
	Transport       string `json:"transport"`
	TransportReason string `json:"transport-reason"`
	// TransportAsked is auto, xdp, xdp-generic or udp; why it cannot be had is among
	// the warnings of Status.
	TransportAsked    string    `json:"transport-asked"`
	TransportSince    time.Time `json:"transport-since"`    // UTC
	TransportSwitches int       `json:"transport-switches"` // how often it has changed since the interface was opened
	TransportCause    string    `json:"transport-cause"`    // why, the last time; empty before

	Rings int `json:"rings"` // queues that have an AF_XDP ring
	// Steering is off, "queue N" where the card steers BFD's packets to that queue by
	// flow rules, or why it does not.
	Steering  string `json:"steering"`
	Stamp     string `json:"stamp"`
	Heard     string `json:"heard"`     // "on", or why the XDP program hears nothing by itself
	Insurance string `json:"insurance"` // how the kernel answers for a worker that stands still: tcx, clsact or xdp, or why it does not
	// LiveTransmit is "on" where large batches leave as live frames, or says why not.
	LiveTransmit string            `json:"live-transmit"`
	UDP          string            `json:"udp"` // "open", or why port 3784 could not be opened
	Sessions     int               `json:"sessions"`
	Lowers       []LowerStatus     `json:"lowers"`   // where the frames travel of a VLAN device or a bond; empty for others
	Counters     map[string]uint64 `json:"counters"` // verdicts of the XDP program, rings
}

// LowerStatus is one interface that carries the frames of another.
type LowerStatus struct {
	Name      string `json:"name"`
	Transport string `json:"transport"` // its own; empty when it is not open
	Active    bool   `json:"active"`    // the interface above sends by it and takes what arrives there
	Via       bool   `json:"via"`       // frames of sessions leave by its ring
	Reason    string `json:"reason"`    // why none of its rings takes frames for the interface above; empty when they do
}

// InterfaceChange is what can be changed on an interface while its sessions run;
// nil leaves a value as it is.
type InterfaceChange struct {
	Transport *string `json:"transport,omitempty"` // auto, xdp, xdp-generic or udp
}

// ChangeInterface changes an interface that sessions use, until the next reload,
// and returns it. What cannot be had is an Error of CodeUnavailable and changes
// nothing.
func (c *Client) ChangeInterface(ctx context.Context, ifname string, change InterfaceChange) (i InterfaceStatus, err error) {
	err = c.do(ctx, http.MethodPatch, "/v1/interfaces/"+url.PathEscape(ifname), change, &i)
	return i, err
}
