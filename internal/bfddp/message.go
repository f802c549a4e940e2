package bfddp

import "net/netip"

// Version is the protocol's version that this package speaks.
const Version = 1

// Type says what a message is.
type Type uint16

// The types. bfdd sends AddSession, DeleteSession and RequestCounters, the data
// plane StateChange and SessionCounters; an EchoRequest may come from either.
const (
	EchoRequest Type = iota
	EchoReply
	AddSession // or change the one that there is
	DeleteSession
	StateChange
	RequestCounters
	SessionCounters
)

// Flags of a session.
type Flags uint32

// The flags.
const (
	Multihop Flags = 1 << iota
	Demand
	CBit // the C bit of RFC 5880 §4.1 is to be sent
	Echo
	IPv6
	Passive
	Shutdown // AdminDown is to be sent; the session stays
)

// RemoteFlags are bits of the peer's packets.
type RemoteFlags uint32

// The remote flags.
const (
	RemoteCBit RemoteFlags = 1 << iota
	RemoteDemand
	RemoteMultipoint
)

// Message is one message. Type says which of the fields below ID it has.
type Message struct {
	Type Type
	ID   uint16 // of a request, and of its answer; 0 for what nobody asked for

	Session  Session  // AddSession, DeleteSession
	State    State    // StateChange
	LID      uint32   // RequestCounters
	Counters Counters // SessionCounters
	Times    Times    // EchoRequest, EchoReply
}

// Session is a session as bfdd wants it. Intervals are microseconds.
type Session struct {
	Flags      Flags
	Src, Dst   netip.Addr // both of one family; an unspecified Src leaves it to the route
	LID        uint32     // bfdd's name for it
	MinTx      uint32
	MinRx      uint32
	MinEchoTx  uint32
	MinEchoRx  uint32
	Hold       uint32 // ms; bfdd does not fill it in
	TTL        uint8  // 255, or the least that is accepted over several hops
	DetectMult uint8
	Ifindex    uint32 // 0 where the route decides
	Ifname     string // empty likewise
}

// State is what has become of a session. Intervals are microseconds and the
// peer's.
type State struct {
	LID            uint32
	RID            uint32 // the peer's discriminator
	Flags          RemoteFlags
	DesiredTx      uint32
	RequiredRx     uint32
	RequiredEchoRx uint32
	State          uint8 // ours, as on the wire (RFC 5880 §4.1)
	Diag           uint8 // the peer's
	DetectMult     uint8
}

// Traffic counts packets and their bytes.
type Traffic struct{ InBytes, InPackets, OutBytes, OutPackets uint64 }

// Counters are what a session has sent and received.
type Counters struct {
	LID     uint32
	Control Traffic
	Echo    Traffic
}

// Times are those of an echo on the connection: microseconds, each by the clock of
// its end.
type Times struct{ DataPlane, BFDD uint64 }

// Sizes in bytes.
const (
	headerSize    = 8
	echoSize      = 16
	sessionSize   = 132
	stateSize     = 28
	requestSize   = 4
	countersSize  = 80 - headerSize
	maxNameLength = 64
)

// MaxSize is the longest message of version 1 in bytes.
const MaxSize = headerSize + sessionSize

// sizes are those of the bodies.
var sizes = [...]int{
	EchoRequest: echoSize, EchoReply: echoSize, AddSession: sessionSize, DeleteSession: sessionSize,
	StateChange: stateSize, RequestCounters: requestSize, SessionCounters: countersSize,
}
