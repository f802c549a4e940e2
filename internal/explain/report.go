package explain

import "net/netip"

// Report is what would become of a frame.
type Report struct {
	Number    int    `json:"number"`    // of the frame in its file, from 1 on
	Interface string `json:"interface"` // on which it is taken to arrive; empty when nobody knows
	Length    int    `json:"length"`    // in bytes
	Summary   string `json:"summary"`   // what it says, in words
	XDP       XDP    `json:"xdp"`
	// Session is the one that it belongs to, null when there is none.
	Session *SessionRef `json:"session"`
	Engine  Engine      `json:"engine"`
}

// SessionRef names a session.
type SessionRef struct {
	Peer      netip.Addr `json:"peer"`
	Local     netip.Addr `json:"local"`
	Interface string     `json:"interface"`
	Discr     uint32     `json:"local-discriminator"` // 0: a file says nothing of it
	State     string     `json:"state"`
}

// XDP is what the XDP program does with a frame.
type XDP struct {
	Verdict string `json:"verdict"` // the name of its counter
	Reason  string `json:"reason"`
	RFC     string `json:"rfc"`
	By      string `json:"by"` // program: the kernel ran it; rules: the same rules in Go
}

// Engine is what the engine does with it.
type Engine struct {
	// Verdict is accepted, heard (by the XDP program in its place), a reason of
	// discard, or not-reached.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	RFC     string `json:"rfc"`
	From    string `json:"from"` // the session's state before and after; empty unless accepted
	To      string `json:"to"`
	// Then is what follows, such as an answer or another timer.
	Then []string `json:"then"`
	// Unchecked is what only the running engine could tell.
	Unchecked []string `json:"unchecked"`
}
