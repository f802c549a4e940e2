package clients

import "github.com/xbfd/xbfd/packet"

// Kind is what a change means to a client.
type Kind uint8

// The kinds.
const (
	// Progress: on the way up, or down still. Nothing to act on; the View may
	// be another.
	Progress Kind = iota
	// Up: the path works.
	Up
	// Failure: the path has failed: act. A client hears of it once for each Up.
	Failure
	// Admin: the session is down on purpose and says nothing about the path: no
	// action (RFC 5882 §3.2, §4.2).
	Admin
)

// String returns "progress", "up", "failure" or "admin".
func (k Kind) String() string { return [4]string{"progress", "up", "failure", "admin"}[k&3] }

// Notice tells one client of one change. All clients of a session get the same
// changes (RFC 5882 §2); what one means may differ with their wishes.
type Notice struct {
	Key   Key
	Owner string
	Kind  Kind

	Transition      // what happened; after a hold-off the failure that began the outage
	LocalCPI   bool // the C bit of our packets
	View       View // from now on
}

// AbortsRestart reports whether a graceful restart in progress is to be given
// up: the path failed, and BFD shares its fate with the control plane at neither
// end. Where it does at one of them, the failure may be the restart itself
// (RFC 5882 §4.3).
func (n *Notice) AbortsRestart() bool { return n.Kind == Failure && n.LocalCPI && n.RemoteCPI }

// View is how a client sees its path.
type View struct {
	// State is the session's as the client knows it: Up throughout an outage
	// that is held back from it.
	State packet.State
	// Admin says that the session is down on purpose, here or at the peer.
	Admin bool
	// Failed says that the path is to be taken for broken. It never does before
	// the session was Up for the first time, unless the client depends on BFD
	// alone and the peer is assumed to speak it (RFC 5882 §3.3, §5).
	Failed bool
	// AdjacencyAllowed is advice to control protocols: whether to form an
	// adjacency (RFC 5882 §4.1). A peer that was never heard is believed not to
	// speak BFD.
	AdjacencyAllowed bool
}

// view returns how c sees the session.
func (s *shared) view(c *client) View {
	v := View{State: c.told.To, Admin: c.told.Administrative()}
	up := v.State == packet.Up
	wish := c.wish.Value()
	known := wish.AssumeCapable
	v.Failed = c.failed || wish.DependsOnlyOnBFD && !up && (s.wasUp || known)
	v.AdjacencyAllowed = up || v.Admin || !(s.heard || known)
	return v
}
