package client

import (
	"net/netip"
	"time"
)

// Session is one session as API and CLI show it. Intervals are microseconds;
// what the peer has not said yet is 0 or empty.
type Session struct {
	Peer      netip.Addr `json:"peer"`
	Local     netip.Addr `json:"local"`     // empty until the route has decided
	Interface string     `json:"interface"` // likewise
	VRF       string     `json:"vrf"`
	Multihop  bool       `json:"multihop"`
	// Unaffiliated: the peer speaks no BFD and only forwards our own packets
	// back to us (RFC 9747).
	Unaffiliated bool   `json:"unaffiliated"`
	Owner        string `json:"owner"` // who asked for it: "file" or "api"
	// Clients are all who share it, Owner the first of them.
	Clients []SessionClient `json:"clients"`
	Profile string          `json:"profile"`

	State               string `json:"state"` // admin-down, down, init or up
	RemoteState         string `json:"remote-state"`
	Diagnostic          string `json:"diagnostic"` // a name of RFC 9127, or the number
	RemoteDiagnostic    string `json:"remote-diagnostic"`
	LocalDiscriminator  uint32 `json:"local-discriminator"` // also the id in /v1/sessions/{id}; 0: it does not run, Path says why
	RemoteDiscriminator uint32 `json:"remote-discriminator"`
	SourcePort          uint16 `json:"source-port"` // of our packets; 0 while it does not run
	DestPort            uint16 `json:"destination-port"`
	// PeerSource is where the peer's packets come from when that is not Peer.
	PeerSource netip.Addr `json:"peer-source"`
	Role       string     `json:"role"`             // active or passive
	DSCP       uint8      `json:"dscp"`             // of the packets we send
	HoldDown   bool       `json:"hold-down"`        // kept Down on purpose
	MinTTL     uint8      `json:"minimum-ttl"`      // of accepted packets; 0 unless multihop
	Strict     bool       `json:"strict-interface"` // accepts packets from its interface only

	DetectMult              uint8  `json:"detect-multiplier"`
	RemoteDetectMult        uint8  `json:"remote-detect-multiplier"`
	DesiredMinTx            uint32 `json:"desired-min-tx-us"`
	RequiredMinRx           uint32 `json:"required-min-rx-us"`
	RemoteDesiredMinTx      uint32 `json:"remote-desired-min-tx-us"`
	RemoteRequiredMinRx     uint32 `json:"remote-required-min-rx-us"`
	RemoteRequiredMinEchoRx uint32 `json:"remote-required-min-echo-rx-us"`
	NegotiatedTx            uint32 `json:"negotiated-tx-us"`      // 0: nothing periodic is sent
	DetectionTime           uint64 `json:"detection-time-us"`     // 0 until the peer has been heard
	Slowed                  uint8  `json:"slowed"`                // how often congestion has doubled the intervals
	Ceiling                 uint32 `json:"congestion-ceiling-us"` // how far; 0: not at all

	Echo   Echo         `json:"echo"`
	Demand Demand       `json:"demand"`
	Auth   *SessionAuth `json:"auth"` // null when there is none and none is to follow
	Poll   string       `json:"poll"` // none, active, or queued: active with another behind it

	Transport       string `json:"transport"` // xdp-zerocopy, xdp-native, xdp-generic, udp
	TransportReason string `json:"transport-reason"`
	Stamp           string `json:"stamp"` // where arrival times come from: xdp, read or socket
	Path            string `json:"path"`  // "ready", or what the session waits for

	FastPath FastPath `json:"fast-path"`

	UptimeSeconds float64     `json:"uptime-seconds"` // since it went Up; 0 when it is not
	StateSeconds  float64     `json:"state-seconds"`  // since it entered its state, or was created in it
	LastRx        *uint64     `json:"last-rx-us"`     // how long ago the peer's last packet came; null before the first
	LastChange    *LastChange `json:"last-change"`    // null before the first
	Times         Times       `json:"times"`
	Counters      Counters    `json:"counters"`
	Margin        Margin      `json:"margin"`

	// History are its latest events but near misses, the latest first, where one
	// session is asked for.
	History []Event `json:"history,omitempty"`
}

// Times are when something happened to the session last, to the second; what has
// never happened is nil, and absent.
type Times struct {
	Created  *time.Time `json:"created,omitempty"`
	LastUp   *time.Time `json:"last-up,omitempty"`
	LastDown *time.Time `json:"last-down,omitempty"` // entered Down, from wherever
}

// LastChange is the latest change of a session's state.
type LastChange struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Cause string `json:"cause"`
	// Evidence is what was known when a session that was up went down.
	Evidence *Cause    `json:"evidence,omitempty"`
	At       time.Time `json:"at"` // UTC
}

// Counters count from the creation of the session.
type Counters struct {
	Tx          uint64            `json:"tx"`
	Rx          uint64            `json:"rx"`           // accepted, by the engine
	RxHeard     uint64            `json:"rx-heard"`     // accepted, by the XDP program; not in Rx
	RxDiscarded map[string]uint64 `json:"rx-discarded"` // by reason; those that are not 0
	TxFailed    uint64            `json:"tx-failed"`
	EchoTx      uint64            `json:"echo-tx"`     // ours sent
	EchoRx      uint64            `json:"echo-rx"`     // ours that came back
	EchoLooped  uint64            `json:"echo-looped"` // the peer's sent back
	Up          uint64            `json:"up"`          // how often each state was entered
	Down        uint64            `json:"down"`
	AdminDown   uint64            `json:"admin-down"`
	Insurance   uint64            `json:"insurance"` // replies sent while our worker stalled; not in Tx
}

// Status is the daemon as a whole.
type Status struct {
	Version       string            `json:"version"`
	PID           int               `json:"pid"`
	Started       time.Time         `json:"started"` // UTC
	UptimeSeconds float64           `json:"uptime-seconds"`
	ConfigFile    string            `json:"config-file"` // empty for `run LOCAL PEER`
	LastReload    *LastReload       `json:"last-reload"` // null when there was none
	Control       string            `json:"control"`     // path of the socket
	Sessions      SessionCounts     `json:"sessions"`
	Process       Process           `json:"process"`
	Workers       []WorkerStatus    `json:"workers"`
	Interfaces    []InterfaceStatus `json:"interfaces"`
	RxDiscarded   map[string]uint64 `json:"rx-discarded"` // all discarded packets, those of sessions included, by reason
	TxRefused     uint64            `json:"tx-refused"`   // packets that counted as sent when the system refused them; it does not tell whose
	Routes        RouteCounts       `json:"routes"`       // and addresses
	Downs         map[string]uint64 `json:"downs"`        // how often sessions left Up, by cause, those that are gone included
	Hooks         []HookStatus      `json:"hooks"`        // in the order of the file
	DataPlanes    []DataPlane       `json:"data-planes"`  // the connections to FRR's bfdd, whose sessions run here
	GoBGP         *GoBGPStatus      `json:"gobgp"`        // null: the file names no gobgpd
	Warnings      []string          `json:"warnings"`     // what is not as it was asked for
}

// HookStatus is how a hook does. An event that it is for is in exactly one of
// Waiting, Held, Running, Done, Failed, Dropped and Suppressed.
type HookStatus struct {
	Name    string `json:"name"`
	Target  string `json:"target"`  // the program, or the web server
	Waiting int    `json:"waiting"` // for a run of the same peer, for the rate, or for others to end
	Held    int    `json:"held"`    // the Up of sessions that flap
	Running int    `json:"running"`

	Done       uint64 `json:"done"`
	Failed     uint64 `json:"failed"`
	TimedOut   uint64 `json:"timed-out"`  // of those that failed
	Retried    uint64 `json:"retried"`    // requests that were repeated
	Dropped    uint64 `json:"dropped"`    // there was no room to wait
	Suppressed uint64 `json:"suppressed"` // of sessions that flap

	LastError string     `json:"last-error"`          // empty: the latest run ended well
	FailedAt  *time.Time `json:"failed-at,omitempty"` // UTC; with a LastError
}

// SessionCounts are the numbers of sessions by state; Total is their sum.
type SessionCounts struct {
	Total     int `json:"total"`
	Up        int `json:"up"`
	Init      int `json:"init"`
	Down      int `json:"down"`
	AdminDown int `json:"admin-down"`
}

// WorkerStatus is one packet-handling thread.
type WorkerStatus struct {
	ID         int    `json:"id"`
	CPU        int    `json:"cpu"`        // -1: not pinned
	Scheduling string `json:"scheduling"` // normal or fifo
	Priority   int    `json:"priority"`   // real-time; 0 unless fifo
	Wait       string `json:"wait"`       // sleep or adaptive
	Sleeps     uint64 `json:"sleeps"`     // how often it slept
	Spins      uint64 `json:"spins"`      // how often it looked for packets instead, or up to a deadline; adaptive only
	Caught     uint64 `json:"caught"`     // and met one, or a command, so that it did not sleep
	Sessions   int    `json:"sessions"`

	Stalls       uint64 `json:"stalls"`           // times it was called a millisecond or more late
	LongestStall uint64 `json:"longest-stall-us"` // how late at the most
}

// Process is what the daemon takes of the host.
type Process struct {
	CPUSeconds float64 `json:"cpu-seconds"`  // of all processors, since it started
	Memory     uint64  `json:"memory-bytes"` // mapped by the Go runtime
	GCCycles   uint64  `json:"gc-cycles"`
	GCPause    uint64  `json:"gc-pause-us"` // all of them together, at least
	Allocs     uint64  `json:"allocations"` // of the Go heap, objects, since it started
}

// LastReload is the latest reading of the file by a running daemon.
type LastReload struct {
	At    time.Time `json:"at"`    // UTC
	Error string    `json:"error"` // empty when it was taken
}

// ReloadReport is what a reload, or another configuration as a whole, did.
type ReloadReport struct {
	Added     int `json:"added"`
	Removed   int `json:"removed"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	// Changes are the sessions that were added, removed and changed, in this order.
	Changes []SessionDiff `json:"changes"`
	// Settings are what else has changed: log, shutdown-hold, echo-source, and
	// keys and profiles as in key 1 and profile fast.
	Settings      []string `json:"settings"`
	Warnings      []string `json:"warnings"`
	RestartNeeded []string `json:"restart-needed"` // changed keys that wait for the next start
}
