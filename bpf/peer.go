package bpf

import (
	"errors"

	"github.com/xbfd/xbfd/packet"
)

// peerKey and rule have the layouts of struct peer_key and struct rule in
// src/match.h.
type peerKey struct {
	ifindex     uint64
	local, peer packet.Addr
}

type rule struct{ minTTL, loop uint8 }

// Peer is one session as the XDP programs know it.
type Peer struct {
	Ifindex     int32 // where its frames arrive; for multihop its VRF (see SetVRF), 0 the default one
	Local, Peer packet.Addr
	MinTTL      uint8 // multihop: least TTL or Hop Limit; single hop is always 255
	Loop        bool  // single hop: the peer may have its Echo packets looped
	Multihop    bool  // port 4784 (RFC 5883) instead of 3784
}

func (p Peer) validate() error {
	switch {
	case p.Multihop && p.Ifindex < 0:
		return errors.New("a multihop session is of a VRF or of none")
	case p.Multihop && p.Loop:
		return errors.New("there is no Echo over several hops")
	case !p.Multihop && p.Ifindex <= 0:
		return errors.New("a single-hop session is of one interface")
	}
	return nil
}

func (p Peer) key() peerKey { return peerKey{uint64(p.Ifindex), p.Local, p.Peer} }

// localKey and loopKey are where the frames to the session go, and its peer's
// own Echo packets.
func (p Peer) localKey() addrKey { return addrKey{uint64(p.Ifindex), p.Local} }
func (p Peer) loopKey() addrKey  { return addrKey{uint64(p.Ifindex), p.Peer} }

func (p Peer) rule() rule {
	r := rule{minTTL: 255}
	if p.Multihop {
		r.minTTL = p.MinTTL
	}
	if p.Loop {
		r.loop = 1
	}
	return r
}
