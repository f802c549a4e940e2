package engine

import "github.com/xbfd/xbfd/engine/session"

// EchoState says how a session's own Echo stands.
type EchoState uint8

// The states, and what is missing where something is.
const (
	EchoOff      EchoState = iota // not asked for
	EchoNotUp                     // the session is not Up (RFC 5880 §6.8.9)
	EchoUnwanted                  // the peer's Required Min Echo RX is 0
	EchoNoSource                  // no source address outside the interface's subnets
	EchoNoPath                    // no AF_XDP ring, or the peer's Ethernet address is not known
	EchoProbing                   // sent, but none has come back yet: nothing depends on it
	EchoActive                    // they come back, and their loss takes the session Down
)

var echoStates = [...]string{"off", "not-up", "unwanted", "no-source", "no-path", "probing", "active"}

func (s EchoState) String() string { return echoStates[s] }

// LoopState says whether a session loops its peer's Echo packets.
type LoopState uint8

// The states. Looping is offered to the peer where a session Up, whose packets
// came and went by AF_XDP, has proven that frames do both on the interface.
const (
	LoopOff      LoopState = iota // not asked for
	LoopUnproven                  // not yet proven since the interface was opened
	LoopReady                     // offered: Required Min Echo RX is not 0
)

var loopStates = [...]string{"off", "unproven", "ready"}

func (s LoopState) String() string { return loopStates[s] }

// EchoStatus is both directions of Echo of one session.
type EchoStatus struct {
	State         EchoState
	Interval      uint32 // µs between our Echo packets, less jitter; 0 while none are sent
	DetectionTime int64  // ns without a return after which the session fails; 0 unless active
	Sent          uint64
	Returned      uint64
	RTT           session.RTT

	Loop    LoopState
	Offered uint32 // µs: the Required Min Echo RX that packets carry
	Looped  uint64 // the peer's Echo packets sent back by this engine (not those that XDP sent back)
}

// DemandStatus is Demand mode of one session (RFC 5880 §6.6).
type DemandStatus struct {
	Local, Remote bool // active: we asked the peer for silence, the peer us
	// Bound is the time in ns from a failure to its detection at most, while our
	// demand is active and Polls are sent by themselves: the time between two
	// Polls and the Detection Time of one. 0 otherwise.
	Bound int64
}
