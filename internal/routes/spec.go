package routes

import (
	"net/netip"
	"slices"
	"time"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Protocol marks what is ours in the kernel. No routing daemon has this number,
// neither in linux/rtnetlink.h nor, for routes, FRR, which removes at its start
// whatever bears one of its own (186 to 198).
const Protocol = 184

// Spec is one route, address or nexthop group as it is asked for.
type Spec struct {
	// Prefix is the destination of a route; of an address that address, with its
	// length; of a nexthop group the zero Prefix.
	Prefix    netip.Prefix
	Interface string // that an address belongs to; "" for anything else
	ID        uint32 // of a nexthop group; 0 for anything else
	Group     uint32 // the nexthop group that a route leads to, in place of Members; 0: none

	VRF           string     // whose table a route is in; "": Table
	Table, Metric uint32     // of a route; the metric is not 0, and the table is where there is a VRF
	Raise         uint32     // on failure a route's metric becomes higher by this; 0: it is removed
	Source        netip.Addr // that packets by the route come from; the zero Addr leaves it to the kernel
	All           bool       // an address needs all of its members; otherwise one is enough

	Hold       time.Duration // after a failure a session has to be up again for so long
	Present    bool          // it is there before the first word of a session
	AdminFails bool          // AdminDown is a failure, too
	Withdraw   bool          // it goes when the daemon ends

	Members []Member
}

// Member is one gateway of a route or nexthop group, or one peer of an address.
type Member struct {
	Session clients.Key // that tells of it
	Hop                 // of a route or nexthop group
}

// Hop is where a route leads.
type Hop struct {
	Gateway   netip.Addr
	Interface string // "": the kernel finds it, but not for a nexthop group
	Weight    int    // 1 to 256, of a gateway among others
}

// Place is where a route, an address or a nexthop group stands in the kernel. There
// is one at most at each.
type Place struct {
	Prefix        netip.Prefix
	Interface     string // of an address
	ID            uint32 // of a nexthop group
	VRF           string // of a route, in place of Table
	Table, Metric uint32 // of a route
}

// Route tells a place of a route from the others.
func (p Place) Route() bool { return p.Interface == "" && p.ID == 0 }

// Place returns where it stands while nothing has failed.
func (s *Spec) Place() Place {
	return Place{Prefix: s.Prefix, Interface: s.Interface, ID: s.ID, VRF: s.VRF, Table: s.Table, Metric: s.Metric}
}

// raised returns where it stands after a failure that only raises the metric.
func (s *Spec) raised() Place {
	p := s.Place()
	p.Metric += s.Raise
	return p
}

// Same tells whether s and o ask for the same.
func (s *Spec) Same(o *Spec) bool {
	a, b := *s, *o
	a.Members, b.Members = nil, nil
	return a.equal(b) && slices.Equal(s.Members, o.Members)
}

func (s Spec) equal(o Spec) bool {
	return s.Place() == o.Place() && s.Group == o.Group && s.Raise == o.Raise && s.Source == o.Source && s.All == o.All && s.Hold == o.Hold &&
		s.Present == o.Present && s.AdminFails == o.AdminFails && s.Withdraw == o.Withdraw
}

// State is what is known of a session.
type State uint8

// The states.
const (
	Unknown State = iota // it was not up yet, or comes back from AdminDown
	Up
	Down  // it was up and has failed
	Admin // it is down on purpose, here or at the peer
)

// String returns "unknown", "up", "down" or "admin-down".
func (s State) String() string { return [4]string{"unknown", "up", "down", "admin-down"}[s&3] }

// StateOf returns how a client sees its session. A failure that a hold-off keeps
// back from it is none yet.
func StateOf(v clients.View) State {
	switch {
	case v.State == packet.Up:
		return Up
	case v.Admin:
		return Admin
	case v.Failed:
		return Down
	}
	return Unknown
}

// Told is the state of a session.
type Told struct {
	Session clients.Key
	State   State
	At      session.Time // when it changed; 0: not known
}

// Object is a route, an address or a nexthop group of ours as it is in the kernel.
type Object struct {
	Place
	Source netip.Addr
	Group  uint32 // that a route leads to; 0: none
	Hops   []Hop  // of a nexthop group, and of a route that leads to none

	vrf string // as the kernel lists it: the VRF that has the route's table, if one has
}

// same tells whether what is in the kernel (o) is what is wanted (w).
func (o *Object) same(w *Object) bool {
	if o.Source != w.Source || o.Group != w.Group || len(o.Hops) != len(w.Hops) {
		return false
	}
	for _, h := range w.Hops {
		if !slices.ContainsFunc(o.Hops, func(k Hop) bool { return h.is(k, len(w.Hops) > 1) }) {
			return false
		}
	}
	return true
}

// is tells whether k in the kernel is h. The interface is the kernel's choice where
// none is asked for, and a single gateway has no weight.
func (h Hop) is(k Hop, weighed bool) bool {
	return h.Gateway == k.Gateway && (h.Interface == "" || h.Interface == k.Interface) && (!weighed || max(h.Weight, 1) == max(k.Weight, 1))
}
