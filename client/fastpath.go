package client

// FastPath is what the kernel does for a session by itself.
type FastPath struct {
	// Heard is active while the XDP program takes in packets that say nothing new,
	// else why it does not: off, no-path, not-up, authentication, echo, demand,
	// poll, congestion-ceiling, peer-source, or waiting for a packet to expect the like of.
	Heard     string `json:"heard"`
	Insurance string `json:"insurance"` // on: replies are sent while our worker stalls; off
	Transmit  string `json:"transmit"`  // xdp (a ring) or raw (a socket); empty without a path
	Reason    string `json:"reason"`    // why it is not heard, in words; empty when it is
}

// Margin says how near a session has come to failing, or to being failed by its
// peer, while it was up.
type Margin struct {
	Min       *int64 `json:"min-us"` // what was left of the detection time when a packet came, at the least; null before the first
	LongestRx uint64 `json:"longest-rx-gap-us"`
	LongestTx uint64 `json:"longest-tx-gap-us"`
	LateTx    uint64 `json:"late-tx"` // packets sent more than the interval after the one before
	// NearMisses counts packets of the peer but for which the session would have failed.
	NearMisses uint32 `json:"near-misses"`
}
