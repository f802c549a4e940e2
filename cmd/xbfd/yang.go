package main

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// yangSession is a session under the names of RFC 9314, encoded as RFC 7951 says:
// 64-bit counters are strings, identities have their module's name. Intervals are
// microseconds. Keys are in the order of the module.
type yangSession struct {
	Interface     string     `json:"interface,omitempty"` // single hop
	Dest          netip.Addr `json:"dest-addr"`
	Source        netip.Addr `json:"source-addr"`
	Multiplier    uint8      `json:"local-multiplier"`
	DesiredMinTx  uint32     `json:"desired-min-tx-interval"`
	RequiredMinRx uint32     `json:"required-min-rx-interval"`
	Demand        bool       `json:"demand-enabled"`
	AdminDown     bool       `json:"admin-down"`
	Auth          *yangAuth  `json:"authentication,omitempty"`
	Echo          *yangEcho  `json:"echo,omitempty"` // RFC 9314 appendix A

	PathType         string         `json:"path-type"`
	IP               bool           `json:"ip-encapsulation"`
	LocalDiscr       uint32         `json:"local-discriminator"`
	RemoteDiscr      uint32         `json:"remote-discriminator,omitempty"`
	RemoteMultiplier uint8          `json:"remote-multiplier,omitempty"`
	DemandCapability bool           `json:"demand-capability"`
	SourcePort       uint16         `json:"source-port"`
	DestPort         uint16         `json:"dest-port"`
	Running          yangRunning    `json:"session-running"`
	Statistics       yangStatistics `json:"session-statistics"`
	Role             string         `json:"role"` // RFC 9468
}

type yangAuth struct {
	KeyChain   string `json:"key-chain"` // the id of the key in the pool
	Meticulous bool   `json:"meticulous"`
}

type yangEcho struct {
	DesiredMinTx  uint32 `json:"desired-min-echo-tx-interval"`
	RequiredMinRx uint32 `json:"required-min-echo-rx-interval"`
}

type yangRunning struct {
	Index            uint32  `json:"session-index"`
	LocalState       string  `json:"local-state"`
	RemoteState      string  `json:"remote-state"`
	LocalDiagnostic  string  `json:"local-diagnostic"`
	RemoteDiagnostic string  `json:"remote-diagnostic"`
	RemoteAuth       bool    `json:"remote-authenticated"`
	RemoteAuthType   string  `json:"remote-authentication-type,omitempty"`
	Mode             string  `json:"detection-mode"`
	Tx               uint32  `json:"negotiated-tx-interval"`
	Rx               uint32  `json:"negotiated-rx-interval"`
	Detection        uint32  `json:"detection-time"`
	EchoTx           *uint32 `json:"echo-tx-interval-in-use,omitempty"` // single hop
}

type yangStatistics struct {
	Created        *time.Time `json:"create-time,omitempty"`
	LastDown       *time.Time `json:"last-down-time,omitempty"`
	LastUp         *time.Time `json:"last-up-time,omitempty"`
	DownCount      uint32     `json:"down-count"`
	AdminDownCount uint32     `json:"admin-down-count"`
	Received       string     `json:"receive-packet-count"` // the invalid ones included
	Sent           string     `json:"send-packet-count"`
	Invalid        string     `json:"receive-invalid-packet-count"`
	SendFailed     string     `json:"send-failed-packet-count"`
}

// yangGroup is the entry of the list that multihop sessions are in.
type yangGroup struct {
	Source   netip.Addr    `json:"source-addr"`
	Dest     netip.Addr    `json:"dest-addr"`
	TxTTL    uint8         `json:"tx-ttl"`
	RxTTL    uint8         `json:"rx-ttl"`
	Sessions []yangSession `json:"sessions"`
}

// inYANG returns s as an instance of RFC 9314's modules.
func inYANG(s *control.Session) any {
	y := yangSession{
		Interface: s.Interface, Dest: s.Peer, Source: s.Local,
		Multiplier: s.DetectMult, DesiredMinTx: s.DesiredMinTx, RequiredMinRx: s.RequiredMinRx,
		Demand: s.Demand.Mode != "off", AdminDown: s.State == "admin-down",
		PathType: "ietf-bfd-types:path-ip-sh", IP: true, DemandCapability: true,
		LocalDiscr: s.LocalDiscriminator, RemoteDiscr: s.RemoteDiscriminator, RemoteMultiplier: s.RemoteDetectMult,
		SourcePort: s.SourcePort, DestPort: s.DestPort,
		Running: yangRun(s), Statistics: yangCount(s), Role: "ietf-bfd-unsolicited:" + s.Role,
	}
	if a := s.Auth; a != nil && a.Type != "none" {
		y.Auth = &yangAuth{KeyChain: strconv.FormatUint(uint64(a.Key), 10), Meticulous: strings.HasPrefix(a.Type, "meticulous-")}
	}
	if s.Multihop {
		y.Interface, y.PathType = "", "ietf-bfd-types:path-ip-mh"
		return map[string][]yangGroup{"ietf-bfd-ip-mh:session-group": {{
			Source: s.Local, Dest: s.Peer, TxTTL: 255, RxTTL: s.MinTTL, Sessions: []yangSession{y},
		}}}
	}
	y.Echo = &yangEcho{DesiredMinTx: s.Echo.TxInterval, RequiredMinRx: s.Echo.RxInterval}
	return map[string][]yangSession{"ietf-bfd-ip-sh:session": {y}}
}

func yangRun(s *control.Session) yangRunning {
	r := yangRunning{
		Index: s.LocalDiscriminator, LocalState: yangState(s.State), RemoteState: yangState(s.RemoteState),
		LocalDiagnostic: s.Diagnostic, RemoteDiagnostic: s.RemoteDiagnostic,
		Mode: detectionMode(s), Tx: s.NegotiatedTx, Rx: negotiatedRx(s),
		Detection: uint32(min(s.DetectionTime, math.MaxUint32)), // the leaf has 32 bits, the time more
	}
	if a := s.Auth; a != nil && a.Type != "none" && s.RemoteDiscriminator != 0 {
		// The peer's packets would not have been accepted otherwise.
		r.RemoteAuth, r.RemoteAuthType = true, authType(a.Type)
	}
	if !s.Multihop {
		r.EchoTx = &s.Echo.Interval
	}
	return r
}

func yangCount(s *control.Session) yangStatistics {
	text := func(n uint64) string { return strconv.FormatUint(n, 10) }
	var invalid uint64
	for _, n := range s.Counters.RxDiscarded {
		invalid += n
	}
	return yangStatistics{
		Created: s.Times.Created, LastUp: s.Times.LastUp, LastDown: s.Times.LastDown,
		DownCount: uint32(s.Counters.Down), AdminDownCount: uint32(s.Counters.AdminDown),
		Received: text(s.Counters.Rx + s.Counters.RxHeard + invalid), Sent: text(s.Counters.Tx),
		Invalid: text(invalid), SendFailed: text(s.Counters.TxFailed),
	}
}

// yangState returns a state as an enum of iana-bfd-types.
func yangState(state string) string {
	if state == "admin-down" {
		return "adminDown"
	}
	return state
}

// authType returns the iana-bfd-types name of the type that stands in packets.
func authType(key string) string {
	if key == "frr-hmac-sha1" {
		key = "keyed-sha1" // as the packets say
	}
	return strings.Replace(key, "sha1", "sha-1", 1)
}

// detectionMode is how a failure of the peer is noticed.
func detectionMode(s *control.Session) string {
	mode := "async-"
	if s.Demand.LocalActive {
		mode = "demand-"
	}
	if s.Echo.Mode == "active" {
		return mode + "with-echo"
	}
	return mode + "without-echo"
}

// negotiatedRx is the interval that the peer has agreed to send at, 0 before it has.
func negotiatedRx(s *control.Session) uint32 {
	if s.RemoteDiscriminator == 0 || s.RemoteDetectMult == 0 || s.Demand.LocalActive {
		return 0
	}
	return uint32(s.DetectionTime / uint64(s.RemoteDetectMult))
}
