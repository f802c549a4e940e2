package controltest

import (
	"net/netip"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// Up returns a session of owner "file" that is Up at 10 ms x 3.
func Up(id uint32, peer, local, ifname string) control.Session {
	s := created(id, config.Peer{
		Peer: netip.MustParseAddr(peer), Local: netip.MustParseAddr(local), Interface: ifname,
		VRF: config.DefaultVRF, DesiredMinTx: 10_000, RequiredMinRx: 10_000, DetectMult: 3,
		DSCP: config.DefaultDSCP, EchoRx: config.DefaultEchoInterval, DemandPoll: config.DefaultDemandPoll,
	}, "file")
	s.State, s.RemoteState = "up", "up"
	s.RemoteDiscriminator, s.RemoteDetectMult = id+500, 3
	s.RemoteDesiredMinTx, s.RemoteRequiredMinRx, s.RemoteRequiredMinEchoRx = 10_000, 10_000, 50_000
	s.NegotiatedTx, s.DetectionTime = 10_000, 30_000
	s.Echo.Loop.State, s.Echo.Loop.Offered = "ready", config.DefaultEchoInterval
	s.Clients[0].State = "up"
	s.UptimeSeconds, s.StateSeconds = 83.25, 83.25
	silent := uint64(2000)
	s.LastRx = &silent
	s.LastChange = &control.LastChange{From: "init", To: "up", Cause: "peer-init", At: When}
	s.Times.LastUp = &When
	s.Counters = control.Counters{Tx: 8300, Rx: 5, RxHeard: 8294, RxDiscarded: map[string]uint64{"ttl": 2}, Up: 1}
	s.FastPath = control.FastPath{Heard: "active", Insurance: "off", Transmit: "xdp"}
	least := int64(18_250)
	s.Margin = control.Margin{Min: &least, LongestRx: 11_750, LongestTx: 10_250, LateTx: 3}
	return s
}

// When is the time of everything that happens here.
var When = time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

func created(id uint32, p config.Peer, owner string) control.Session {
	s := control.Session{
		Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF, Owner: owner, Profile: p.Profile,
		Multihop: p.Multihop, Unaffiliated: p.Unaffiliated,
		State: "down", RemoteState: "down", Diagnostic: "none", RemoteDiagnostic: "none",
		LocalDiscriminator: id, NegotiatedTx: 1_000_000, Poll: "none",
		Transport: "xdp-native", TransportReason: "native XDP, copy mode", Stamp: "xdp", Path: "ready",
		FastPath: control.FastPath{Heard: "not-up", Insurance: "off", Transmit: "xdp", Reason: "not heard: both ends must be up"},
		Counters: control.Counters{RxDiscarded: map[string]uint64{}},
	}
	s.SourcePort, s.DestPort, s.Times.Created = 49_160, packet.PortControl, &When
	if p.Multihop {
		s.DestPort = packet.PortMultihop
	}
	s.Echo.RTT.Histogram = []control.Bucket{}
	s.Clients = []control.SessionClient{client(owner, &s)}
	set(&s, p)
	return s
}

// client is one that knows all there is to know of s.
func client(name string, s *control.Session) control.SessionClient {
	return control.SessionClient{Name: name, State: s.State, AdjacencyAllowed: true}
}

// set makes s one of which p is asked.
func set(s *control.Session, p config.Peer) {
	s.DesiredMinTx, s.RequiredMinRx, s.DetectMult = p.DesiredMinTx, p.RequiredMinRx, p.DetectMult
	s.DSCP, s.MinTTL, s.Strict, s.HoldDown, s.Ceiling = p.DSCP, p.MinTTL, p.Strict, p.HoldDown, p.Ceiling
	s.Role = "active"
	if p.Passive {
		s.Role = "passive"
	}
	setEcho(&s.Echo, p)
	s.Demand.Mode, s.Demand.PollInterval = "off", p.DemandPoll
	if p.Demand {
		s.Demand.Mode = "on"
	}
	switch {
	case p.Shutdown:
		s.State, s.Diagnostic = "admin-down", "admin-down"
	case s.State == "admin-down":
		s.State = "down"
	}
}

func setEcho(e *control.Echo, p config.Peer) {
	e.TxInterval, e.RxInterval = p.EchoTx, p.EchoRx
	e.Mode, e.Loop.State, e.Reason = "off", "off", ""
	if p.EchoTx > 0 {
		e.Mode, e.Reason = "not-up", "not sent: the session is not up"
	}
	if p.EchoRx > 0 {
		e.Loop.State = "unproven"
	}
}

// asked is what is asked of s.
func asked(s *control.Session) config.Peer {
	return config.Peer{
		Peer: s.Peer, Local: s.Local, Interface: s.Interface, VRF: s.VRF, Profile: s.Profile,
		Multihop: s.Multihop, Unaffiliated: s.Unaffiliated,
		DesiredMinTx: s.DesiredMinTx, RequiredMinRx: s.RequiredMinRx, DetectMult: s.DetectMult,
		Passive: s.Role == "passive", Shutdown: s.State == "admin-down", DSCP: s.DSCP,
		MinTTL: s.MinTTL, Strict: s.Strict, EchoTx: s.Echo.TxInterval, EchoRx: s.Echo.RxInterval,
		Demand: s.Demand.Mode == "on", DemandPoll: s.Demand.PollInterval, HoldDown: s.HoldDown, Ceiling: s.Ceiling,
	}
}
