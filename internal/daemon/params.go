package daemon

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/netlinkmon"
)

// spec is a configured session in the engine's words.
func spec(p config.Peer) engine.Spec {
	return engine.Spec{Params: params(p), DSCP: p.DSCP, MinTTL: p.MinTTL, Strict: p.Strict, Auth: engine.Auth(p.Auth)}
}

func params(p config.Peer) session.Params {
	return session.Params{
		DesiredMinTx: p.DesiredMinTx, RequiredMinRx: p.RequiredMinRx, DetectMult: p.DetectMult,
		EchoTx: p.EchoTx, EchoRx: p.EchoRx, DemandPoll: p.DemandPoll, Ceiling: p.Ceiling,
		Kind: kind(p), Passive: p.Passive, AdminDown: p.Shutdown, HoldDown: p.HoldDown, Demand: p.Demand,
	}
}

func kind(p config.Peer) session.Kind {
	switch {
	case p.Multihop:
		return session.Multihop
	case p.Unaffiliated:
		return session.Unaffiliated
	}
	return session.SingleHop
}

// target is where its packets are to go.
func target(p config.Peer) netlinkmon.Target {
	t := netlinkmon.Target{Peer: p.Peer, Local: p.Local, Interface: p.Interface, Multihop: p.Multihop}
	if p.VRF != config.DefaultVRF {
		t.VRF = p.VRF
	}
	return t
}
