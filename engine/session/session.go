package session

import (
	"math/rand/v2"

	"github.com/xbfd/xbfd/packet"
)

// SlowInterval is the least Desired Min TX Interval of a session that is not
// Up, in microseconds (RFC 5880 §6.8.3; RFC 7419 asks for exactly this value).
const SlowInterval = 1_000_000

// Rand is the source of jitter. One generator serves many sessions, so that a
// seed makes a whole run repeatable.
type Rand = rand.PCG

// Kind is what sort of session this is.
type Kind uint8

// The kinds. A session keeps the one it was made with.
const (
	SingleHop    Kind = iota // RFC 5881
	Multihop                 // RFC 5883
	Unaffiliated             // RFC 9747: the peer only forwards our own packets back
)

// Params is what an operator may ask of a session. Intervals are microseconds.
type Params struct {
	DesiredMinTx  uint32 // bfd.DesiredMinTxInterval while Up; not 0
	RequiredMinRx uint32 // bfd.RequiredMinRxInterval; 0 asks the peer for silence
	EchoTx        uint32 // between our Echo packets, at least; 0 sends none
	EchoRx        uint32 // Required Min Echo RX to offer where looping works; 0 loops none
	DemandPoll    uint32 // between Polls while our demand is active; 0 polls when told to
	Ceiling       uint32 // how far congestion may stretch the intervals; 0: not at all (§7)
	DetectMult    uint8  // bfd.DetectMult; not 0
	Kind          Kind
	Passive       bool // passive role: silent until the peer is heard (§6.1)
	AdminDown     bool // held in AdminDown (§6.8.16)
	HoldDown      bool // held in Down by not advancing (§6.8.18)
	Demand        bool // bfd.DemandMode: ask the peer for no periodic packets (§6.6)
	CPI           bool // C: this speaker outlives its control plane (§4.1)
}

// Outcome is what a call asks of the caller, as a set of bits.
type Outcome uint8

const (
	// Send asks for one Control packet now, built from Control with the P bit
	// as it says. The session has already counted it as sent.
	Send Outcome = 1 << iota
	// SendFinal asks for one packet with F set and P clear now; it does not
	// disturb the schedule of the periodic packets.
	SendFinal
	// Changed says that the session state has changed.
	Changed
	// Content says that the next packet differs from the last one in more than
	// P and F, so a template must be rendered anew before anything is sent.
	Content
	// Discarded says that the packet was valid but the session is AdminDown:
	// what it carries was noted, nothing else happened (§6.8.6).
	Discarded
)

// Session is the state of one session. Its zero value is useless; see New.
// Names follow the variables of RFC 5880 §6.8.1.
type Session struct {
	params Params // as configured; the fields below are as in force

	state       packet.State
	remoteState packet.State
	localDiag   packet.Diag
	remoteDiag  packet.Diag

	remoteDemand bool
	remoteCPI    bool
	remoteMult   uint8
	poll         pollState
	extra        uint8 // packets that may still be sent outside the schedule
	pathDown     bool  // told that the path failed: off, though not by configuration
	off          bool  // disabled, as the state shows
	demand       bool  // the D bit, as packets carry it
	echoing      bool  // our Echo guards the path, so Control may be slow
	congestion   congestion

	localDiscr  uint32
	remoteDiscr uint32 // not 0 exactly while the peer has been heard within a Detection Time

	desiredMinTx  uint32 // as advertised
	requiredMinRx uint32 // as advertised
	txInForce     uint32 // as timed: below desiredMinTx while a Poll holds an increase back
	rxInForce     uint32 // as timed: above requiredMinRx while a Poll holds a reduction back

	offered uint32 // Required Min Echo RX, as advertised

	remoteMinTx     uint32 // Desired Min TX Interval last received
	remoteMinRx     uint32
	remoteMinEchoRx uint32

	auth authState

	jitter  uint16 // this gap's draw; redrawn at each send, not at each re-arm
	grid    Grid   // that sends are rounded up to
	lastTx  Time   // last packet of the periodic schedule
	lastRx  Time   // arrival of the last accepted packet
	extraAt Time   // when extra was last refilled
	pollAt  Time   // first packet of the running Poll; Never before it was sent
	checkAt Time   // our demand active: when the Poll's next step is due
	struck  Time   // the latest sign of congestion
}

// New returns a session in state Down, or AdminDown if p says so, that has
// heard nothing. localDiscr is bfd.LocalDiscr: not 0 and unique on this system.
// The first packet of an active session is due at first.
func New(p Params, localDiscr uint32, first Time, rng *Rand) Session {
	s := Session{
		params:        p,
		state:         packet.Down,
		remoteState:   packet.Down,
		localDiscr:    localDiscr,
		requiredMinRx: p.RequiredMinRx,
		rxInForce:     p.RequiredMinRx,
		remoteMinRx:   1,
		extra:         extraBurst,
		extraAt:       first,
		pollAt:        Never,
		off:           p.AdminDown,
	}
	if p.AdminDown {
		s.state, s.localDiag = s.offState(), packet.DiagAdminDown
	}
	if p.Kind == Unaffiliated {
		s.remoteMult = p.DetectMult
	}
	s.desiredMinTx = s.wantedTx()
	s.txInForce = s.desiredMinTx
	// Random, so that a restarted speaker's packets cannot be foreseen (§6.8.1).
	s.auth = authState{xmitSeq: uint32(rng.Uint64())}
	s.draw(rng)
	s.StartAt(first)
	return s
}

// Control fills c with the packet the session would send now, P bit included
// and F clear, without authentication (RFC 5880 §6.8.7). A Final is the same
// with P clear and F set.
func (s *Session) Control(c *packet.Control) {
	*c = packet.Control{
		State:         s.state,
		Diag:          s.localDiag,
		Poll:          s.Polling(),
		CPI:           s.params.CPI,
		Demand:        s.demand,
		DetectMult:    s.params.DetectMult,
		Length:        packet.ControlLen,
		MyDiscr:       s.localDiscr,
		YourDiscr:     s.remoteDiscr,
		DesiredMinTx:  s.desiredMinTx,
		RequiredMinRx: s.requiredMinRx,

		RequiredMinEchoRx: s.offered,
	}
	if s.params.Kind == Unaffiliated {
		// Nobody obeys them: a definite value (RFC 9747 §2).
		c.DesiredMinTx, c.RequiredMinRx = SlowInterval, SlowInterval
	}
}

// State returns bfd.SessionState.
func (s *Session) State() packet.State { return s.state }

// Diag returns bfd.LocalDiag: why the session last left a state. It is not
// cleared by coming Up (RFC 5880 erratum 7240).
func (s *Session) Diag() packet.Diag { return s.localDiag }

// LocalDiscr returns bfd.LocalDiscr.
func (s *Session) LocalDiscr() uint32 { return s.localDiscr }

// Params returns what was last configured.
func (s *Session) Params() Params { return s.params }

// LastRx returns when the last accepted packet arrived; it means nothing until
// one has.
func (s *Session) LastRx() Time { return s.lastRx }

// Remote is what the peer last said of itself.
type Remote struct {
	State         packet.State
	Diag          packet.Diag
	Demand        bool
	CPI           bool
	DetectMult    uint8
	Discr         uint32 // bfd.RemoteDiscr, 0 while the peer is not heard
	DesiredMinTx  uint32 // µs
	RequiredMinRx uint32 // µs
	MinEchoRx     uint32 // µs
}

// Remote returns the peer's side of the session.
func (s *Session) Remote() Remote {
	return Remote{
		State: s.remoteState, Diag: s.remoteDiag, Demand: s.remoteDemand, CPI: s.remoteCPI, DetectMult: s.remoteMult,
		Discr: s.remoteDiscr, DesiredMinTx: s.remoteMinTx, RequiredMinRx: s.remoteMinRx, MinEchoRx: s.remoteMinEchoRx,
	}
}
