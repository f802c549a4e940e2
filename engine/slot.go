package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Path is how a session's packets leave and arrive: found by the control plane
// from links, addresses, routes and neighbours, and replaced when those change.
type Path struct {
	Ifindex  int32 // the session's interface: its identity, whichever others lie under it
	Local    packet.Addr
	Peer     packet.Addr
	LocalMAC packet.MAC
	PeerMAC  packet.MAC
	MACKnown bool // without it frames go by the kernel, which then finds the neighbour

	// EchoSource is the source address of Echo packets: an address outside the
	// interface's subnets (RFC 5881 §4). Without it none are sent.
	EchoSource packet.Addr
	// PointToPoint says that only the peer is on the link, so that its address
	// need not be the expected one (RFC 5881 §6).
	PointToPoint bool

	// VLAN is the id of the one IEEE 802.1Q tag that frames which leave by Via
	// carry, with a priority made of the session's DSCP; 0: they carry none.
	VLAN uint16
	// Via is an interface that lies under Ifindex. Whole frames leave by its port
	// if that is a ring; others, and all while there is no such port, by the
	// port of Ifindex. 0: there is none under it.
	Via int32
	// VRF is the index of the device of the session's VRF, in which its packets
	// leave and arrive; 0 is the default VRF. See SetVRF.
	VRF int32
}

// key is the identity of a session of a kind on this path. One that spans hops
// is bound to no interface (RFC 5883 §4.1), but to a VRF.
func (p *Path) key(kind session.Kind) addrKey {
	if kind == session.Multihop {
		return addrKey{p.VRF, p.Local, p.Peer}
	}
	return addrKey{p.Ifindex, p.Local, p.Peer}
}

// anyInterface is the index of what belongs to no interface: multihop sessions of
// the default VRF, and the port that receives their packets wherever they arrive.
// Those of other VRFs have the index of the VRF's device.
const anyInterface = 0

// addrKey finds the session of a packet that carries no discriminator of ours
// yet: interface, or VRF, and addresses (RFC 5881 §3). Without a local address it finds a
// session with the peer, whose Echo it is; without a peer the only session on a
// point-to-point link (RFC 5881 §6).
type addrKey struct {
	ifindex     int32
	local, peer packet.Addr
}

// Counters of one session. Each only ever rises, but in a Status it counts from
// the last Clear.
type Counters struct {
	Tx        uint64 // Control packets sent, Finals included
	Rx        uint64 // Control packets accepted
	TxFailed  uint64 // sends that found no room on the path
	Up        uint64 // transitions to Up
	Down      uint64 // transitions to Down, whatever the cause (RFC 9127 down-count)
	AdminDown uint64 // transitions to AdminDown
	Failures  uint64 // those to Down that are no administrative act (RFC 5882 §3.2)
	Looped    uint64 // the peer's Echo packets sent back
}

// slot is everything a worker keeps of one session besides its template. It
// holds no pointers, so the collector never looks at it.
type slot struct {
	session session.Session
	count   Counters

	freeAt  session.Time // removing: when the hold ends
	port    int16        // index into Worker.ports, -1 without a path
	srcPort uint16
	dscp    uint8
	minTTL  uint8
	strict  bool
	used    bool
	removal bool // AdminDown is being held before the slot is freed (RFC 5882 §8)
	dirty   bool // the template is older than the session

	sentBits    uint8  // P and F of the packet sent last
	otherDigest bool   // a packet failed whose digest is right made the other way
	authGen     uint32 // of the latest change of authentication
	heard       bool   // the XDP program hears the peer's packets
	insured     bool   // and answers them while we stand still
	watched     bool   // somebody has a tap on it
	lane        uint32 // counted from 1; 0: none
	echo        uint32 // 1 + index into Worker.echoes; 0: no Echo of its own

	otherSrc packet.Addr // source of the last packet, where it was not the peer's address

	lastTx       session.Time // of the periodic packets
	lastInterval uint32       // negotiated when it left
	toldMiss     uint32       // when a near miss was last told, in units of tellEvery
	margin       Margin

	path   Path
	change Change
}

// Change is the latest change of a session's state.
type Change struct {
	At       session.Time
	From, To packet.State
	Diag     packet.Diag
	Remote   packet.State // what the peer had said when it happened
}
