package client

// SessionClient is one of those who share a session (RFC 5882 §2), and how the session
// looks to it.
type SessionClient struct {
	Name             string `json:"name"`           // file, api, or what it calls itself
	State            string `json:"state"`          // up throughout an outage that is held back from it
	Administrative   bool   `json:"administrative"` // down on purpose, here or at the peer: no failure
	Failed           bool   `json:"failed"`         // the path is to be taken for broken
	AdjacencyAllowed bool   `json:"adjacency-allowed"`
	HoldOff          uint32 `json:"hold-off-us"` // how long an outage may last before it is told
	ClientFlags
}

// ClientFlags say what a client makes of a session.
type ClientFlags struct {
	// DependsOnlyOnBFD: it has no other way to find out whether the peer lives,
	// so AdminDown is Down to it (RFC 5882 §3.2).
	DependsOnlyOnBFD bool `json:"depends-only-on-bfd"`
	// AssumeCapable: the peer is known to speak BFD, heard or not (RFC 5882 §5).
	AssumeCapable bool `json:"assume-capable"`
}
