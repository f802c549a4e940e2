package client

import "net/netip"

// Echo is both directions of Echo of a session (RFC 5880 §6.4): ours, which the
// peer sends back, and in Loop the peer's, which this end sends back.
type Echo struct {
	// Mode is off, not-up, unwanted (the peer's Required Min Echo RX is 0),
	// no-source, no-path, probing (sent, but none has come back yet) or active
	// (their loss takes the session down).
	Mode string `json:"mode"`
	// Reason says what keeps either direction from running; empty when both run.
	Reason        string     `json:"reason"`
	TxInterval    uint32     `json:"transmit-interval-us"` // asked for; 0 sends none
	RxInterval    uint32     `json:"receive-interval-us"`  // asked for; 0 loops none
	Interval      uint32     `json:"interval-us"`          // in use; 0 while none are sent
	DetectionTime uint64     `json:"detection-time-us"`    // 0 unless active
	Source        netip.Addr `json:"source"`               // empty while there is none
	Sent          uint64     `json:"sent"`
	Returned      uint64     `json:"returned"`
	RTT           RTT        `json:"rtt"`
	Loop          Loop       `json:"loop"`
}

// Loop is the peer's Echo, which this end sends back.
type Loop struct {
	State   string `json:"state"`      // off, unproven or ready
	Offered uint32 `json:"offered-us"` // the Required Min Echo RX in our packets
	Looped  uint64 `json:"looped"`     // by rings; those that XDP sends back are in the interface's counters
}

// RTT are the round trip times of Echo packets in microseconds, with fractions.
type RTT struct {
	Count     uint64   `json:"count"`
	Last      float64  `json:"last-us"`
	Min       float64  `json:"min-us"`
	Avg       float64  `json:"avg-us"`
	Max       float64  `json:"max-us"`
	Histogram []Bucket `json:"histogram"` // those that are not empty, by their ends
}

// Bucket counts round trip times from the end of the bucket before it, half its
// own, up to its own end.
type Bucket struct {
	LE    *float64 `json:"le-us"` // null for the last one, which has no end
	Count uint64   `json:"count"`
}

// Demand is Demand mode of a session (RFC 5880 §6.6).
type Demand struct {
	Mode         string `json:"mode"`          // on or off, as asked for
	LocalActive  bool   `json:"local-active"`  // the peer is asked for silence
	RemoteActive bool   `json:"remote-active"` // the peer asks for it
	PollInterval uint32 `json:"poll-interval-us"`
	// Bound is how long a failure may stay unnoticed at most; 0 while Demand is
	// not active here, and where nothing polls by itself.
	Bound uint64 `json:"detection-bound-us"`
}

// EchoSource says where Echo packets come from: an address outside the subnets
// of the interfaces they leave by (RFC 5881 §4). The zero value is none. It has
// one of the two.
type EchoSource struct {
	Interface string       `json:"interface"` // its addresses
	Addresses []netip.Addr `json:"address"`   // one of each family at most
}
