package clients_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const ms = session.Time(session.Millisecond)

var key = clients.Key{Peer: netip.MustParseAddr("192.0.2.2"), Interface: "eth0", VRF: "default"}

// wish asks for both intervals in milliseconds.
func wish(interval uint32, mult uint8) clients.Wish {
	return clients.Wish{Spec: engine.Spec{Params: session.Params{
		DesiredMinTx: interval * 1000, RequiredMinRx: interval * 1000, DetectMult: mult,
	}}}
}

// with returns a wish that differs.
func with(w clients.Wish, change func(*clients.Wish)) clients.Wish {
	change(&w)
	return w
}

// The sorts of clients that tests are about.
var (
	protocol = wish(100, 3) // has its own way to see that the peer lives
	route    = with(protocol, func(w *clients.Wish) { w.DependsOnlyOnBFD = true })
	patient  = with(protocol, func(w *clients.Wish) { w.HoldOff = 500 * session.Millisecond })
	sure     = with(protocol, func(w *clients.Wish) { w.AssumeCapable = true })
)

// rig is a Book with one path, in virtual time.
type rig struct {
	*testing.T
	b     clients.Book
	now   session.Time
	state packet.State
	cpi   bool // what the peer's packets say
	last  clients.Transition
	got   []clients.Notice
}

func newRig(t *testing.T) *rig { return &rig{T: t, state: packet.Down} }

func (r *rig) join(owner string, w clients.Wish) clients.Change {
	r.Helper()
	c, err := r.b.Register(key, owner, w)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// to takes the session to another state.
func (r *rig) to(state packet.State, diag packet.Diag, remote packet.State) {
	c := engine.Change{At: r.now, From: r.state, To: state, Diag: diag, Remote: remote}
	r.state = state
	r.last = clients.Transition{Change: c, RemoteCPI: r.cpi}
	r.got = append(r.got, r.b.Observe(key, r.last)...)
}

// What can happen to a session.
func (r *rig) heard()            { r.to(packet.Init, r.diag(), packet.Down) }
func (r *rig) up()               { r.to(packet.Up, r.diag(), packet.Init) }
func (r *rig) fails()            { r.to(packet.Down, packet.DiagControlExpiry, packet.Down) }
func (r *rig) peerOff()          { r.to(packet.Down, packet.DiagNeighborDown, packet.AdminDown) }
func (r *rig) peerOn()           { r.to(packet.Down, packet.DiagNeighborDown, packet.Down) } // while Down
func (r *rig) off()              { r.to(packet.AdminDown, packet.DiagAdminDown, packet.Up) }
func (r *rig) on()               { r.to(packet.Down, packet.DiagAdminDown, packet.Down) }
func (r *rig) heldDown()         { r.to(packet.Down, packet.DiagAdminDown, packet.Up) }
func (r *rig) comesUp()          { r.heard(); r.up() }
func (r *rig) diag() packet.Diag { return packet.DiagControlExpiry } // an old one: coming up clears none

// wait lets d pass, with Expire at every deadline.
func (r *rig) wait(d session.Time) {
	r.Helper()
	end := r.now + d
	for r.b.Deadline() <= end {
		r.now = max(r.now, r.b.Deadline())
		r.got = append(r.got, r.b.Expire(r.now)...)
		if r.b.Deadline() <= r.now {
			r.Fatal("what was due still is")
		}
	}
	r.now = end
}

// take returns what an owner was told since it was last asked.
func (r *rig) take(owner string) (kinds []clients.Kind) {
	rest := r.got[:0]
	for _, n := range r.got {
		if n.Owner == owner {
			kinds = append(kinds, n.Kind)
		} else {
			rest = append(rest, n)
		}
	}
	r.got = rest
	return kinds
}

// heardBy checks what an owner was told since it was last asked.
func (r *rig) heardBy(owner string, want ...clients.Kind) {
	r.Helper()
	if diff := cmp.Diff(want, r.take(owner)); diff != "" {
		r.Errorf("%s was told (-want +got):\n%s", owner, diff)
	}
}

func (r *rig) view(owner string) clients.View {
	r.Helper()
	for _, c := range r.b.Clients(key) {
		if c.Owner == owner {
			return c.View
		}
	}
	r.Fatalf("no client %q", owner)
	return clients.View{}
}

// sees checks how an owner sees the path.
func (r *rig) sees(owner string, want clients.View) {
	r.Helper()
	if diff := cmp.Diff(want, r.view(owner)); diff != "" {
		r.Errorf("%s sees (-want +got):\n%s", owner, diff)
	}
}
