package config

import (
	"net/netip"
	"slices"
	"time"
)

// The values of a few fields of routes and addresses.
var (
	Initials   = []string{"absent", "present"}
	OnExits    = []string{"keep", "withdraw"}
	AdminDowns = []string{"ignore", "fail"}
	Requires   = []string{"any", "all"}
)

// Defaults of routes. The metric is that of FRR's static routes.
const (
	DefaultMetric = 20
	MainTable     = 254 // what "main" means
	localTable    = 255 // the kernel's own
	maxWeight     = 256
	maxRouteHold  = 24 * time.Hour
)

// Route is a route that is in the kernel while its gateways' sessions are up. Two
// Routes that differ only in lines ask for the same thing.
type Route struct {
	Prefix        netip.Prefix // masked
	Via           []Gateway    // empty only where there is a Group
	Group         uint32       // the nexthop group that it leads to instead; 0: none
	VRF           string       // in whose table it is; "": in Table
	Metric, Table uint32       // not 0, but Table is 0 where there is a VRF
	Raise         uint32       // on failure the metric becomes higher by this; 0: the route goes
	Source        netip.Addr   // the zero Addr leaves it to the kernel
	Policy
	Line int
}

// Gateway is where a route leads.
type Gateway struct {
	Address   netip.Addr // without a zone
	Interface string     // empty when the kernel finds it
	Weight    int        // 1 to 256
	Watch
}

// Address is an address that this host has while its peers' sessions are up.
type Address struct {
	Address   netip.Prefix // not masked
	Interface string
	VRF       string  // of the sessions; "" is the default one
	Peers     []Watch // never empty
	All       bool    // all of them have to be up, not just one
	Policy
	Line int
}

// Watch is the session that something depends on.
type Watch struct {
	Session Peer
	InFile  bool // it is one of the file's peers; otherwise it is made for this
}

// Policy is what routes and addresses have in common.
type Policy struct {
	Hold       time.Duration // how long a session has to be up again after a failure
	Present    bool          // there before the first word of a session
	AdminFails bool          // AdminDown is a failure, too
	Withdraw   bool          // gone when xbfd ends
}

// Watched returns the sessions that routes and addresses depend on and that are not
// in the file, each once.
func (c Config) Watched() (list []Peer) {
	had := map[Key]bool{}
	for _, w := range c.watches() {
		if !w.InFile && !had[w.Session.Key()] {
			had[w.Session.Key()] = true
			list = append(list, w.Session)
		}
	}
	return list
}

func (c Config) watches() (list []Watch) {
	for _, r := range c.Routes {
		for _, g := range r.Via {
			list = append(list, g.Watch)
		}
	}
	for _, n := range c.NexthopGroups {
		for _, g := range n.Via {
			list = append(list, g.Watch)
		}
	}
	for _, a := range c.Addresses {
		list = append(list, a.Peers...)
	}
	return list
}

// sameRoutes tells whether two configurations ask for the same routes.
func sameRoutes(a, b []Route) bool {
	return slices.EqualFunc(a, b, func(r, s Route) bool {
		return r.Prefix == s.Prefix && r.VRF == s.VRF && r.Metric == s.Metric && r.Table == s.Table && r.Raise == s.Raise && r.Source == s.Source &&
			r.Group == s.Group && r.Policy == s.Policy && slices.EqualFunc(r.Via, s.Via, Gateway.same)
	})
}

func sameAddresses(a, b []Address) bool {
	return slices.EqualFunc(a, b, func(r, s Address) bool {
		return r.Address == s.Address && r.Interface == s.Interface && r.VRF == s.VRF && r.All == s.All && r.Policy == s.Policy &&
			slices.EqualFunc(r.Peers, s.Peers, Watch.same)
	})
}

func (g Gateway) same(h Gateway) bool {
	return g.Address == h.Address && g.Interface == h.Interface && g.Weight == h.Weight && g.Watch.same(h.Watch)
}

func (w Watch) same(o Watch) bool { return w.InFile == o.InFile && w.Session.same(o.Session) }

// DocRoute is an item of routes.
type DocRoute struct {
	Prefix    netip.Prefix `json:"prefix"`
	Via       []DocGateway `json:"via,omitempty"`
	Group     uint32       `json:"nexthop-group,omitempty"` // in place of via, and of what says how it follows its sessions
	Metric    uint32       `json:"metric,omitempty"`
	Table     uint32       `json:"table,omitempty"` // or main
	VRF       string       `json:"vrf,omitempty"`   // instead
	Source    netip.Addr   `json:"source,omitzero"`
	Profile   string       `json:"profile,omitempty"` // of all sessions that the item makes
	Hold      string       `json:"hold,omitempty"`
	Initial   string       `json:"initial,omitempty"`
	OnDown    any          `json:"on-down,omitempty"` // "remove" or {"raise-metric": N}
	AdminDown string       `json:"admin-down,omitempty"`
	OnExit    string       `json:"on-exit,omitempty"`
}

// DocGateway is an item of via, which may also be an address alone.
type DocGateway struct {
	Gateway   netip.Addr `json:"gateway"`
	Weight    int        `json:"weight,omitempty"`
	Interface string     `json:"interface,omitempty"`
	Peer      netip.Addr `json:"peer,omitzero"` // the other end of the session, where that is not the gateway
	Local     netip.Addr `json:"local-address,omitzero"`
	Multihop  bool       `json:"multihop,omitempty"`
	Profile   string     `json:"profile,omitempty"`
}

// DocAddress is an item of addresses.
type DocAddress struct {
	Address   netip.Prefix `json:"address"`
	Interface string       `json:"interface,omitempty"`
	VRF       string       `json:"vrf,omitempty"`
	Peers     []DocWatch   `json:"peers"`
	Require   string       `json:"require,omitempty"`
	Profile   string       `json:"profile,omitempty"` // of all sessions that the item makes
	Hold      string       `json:"hold,omitempty"`
	Initial   string       `json:"initial,omitempty"`
	AdminDown string       `json:"admin-down,omitempty"`
	OnExit    string       `json:"on-exit,omitempty"`
}

// DocWatch is an item of an address's peers, which may also be an address alone.
type DocWatch struct {
	Peer      netip.Addr `json:"peer"`
	Interface string     `json:"interface,omitempty"`
	Local     netip.Addr `json:"local-address,omitzero"`
	Multihop  bool       `json:"multihop,omitempty"`
	Profile   string     `json:"profile,omitempty"`
}

func (c Config) documentRoutes(doc *Document) {
	for _, r := range c.Routes {
		doc.Routes = append(doc.Routes, r.document())
	}
	for _, g := range c.NexthopGroups {
		doc.Groups = append(doc.Groups, g.document())
	}
	for _, a := range c.Addresses {
		doc.Addresses = append(doc.Addresses, a.document())
	}
}

func (r Route) document() DocRoute {
	d := DocRoute{
		Prefix: r.Prefix, Group: r.Group, VRF: r.VRF, Metric: r.Metric, Table: r.Table, Source: r.Source, OnExit: pick(OnExits, r.Withdraw),
	}
	if r.Group != 0 {
		return d
	}
	d.Hold, d.Initial, d.AdminDown = duration(r.Hold), pick(Initials, r.Present), pick(AdminDowns, r.AdminFails)
	d.OnDown = wordRemove
	if r.Raise != 0 {
		d.OnDown = map[string]uint32{fieldRaise: r.Raise}
	}
	d.Via = gateways(r.Via)
	return d
}

func gateways(list []Gateway) (docs []DocGateway) {
	for _, g := range list {
		w := g.document()
		via := DocGateway{Gateway: g.Address, Weight: g.Weight, Interface: g.Interface, Local: w.Local, Multihop: w.Multihop, Profile: w.Profile}
		if w.Peer != g.Address {
			via.Peer = w.Peer
		}
		docs = append(docs, via)
	}
	return docs
}

func (a Address) document() DocAddress {
	d := DocAddress{
		Address: a.Address, Interface: a.Interface, VRF: a.VRF, Require: pick(Requires, a.All),
		Hold: duration(a.Hold), Initial: pick(Initials, a.Present), AdminDown: pick(AdminDowns, a.AdminFails), OnExit: pick(OnExits, a.Withdraw),
	}
	for _, w := range a.Peers {
		d.Peers = append(d.Peers, w.document())
	}
	return d
}

// document names the session: one of the file's has its profile there.
func (w Watch) document() DocWatch {
	s := &w.Session
	d := DocWatch{Peer: s.Peer, Interface: s.Interface, Local: s.Local, Multihop: s.Multihop}
	if !w.InFile {
		d.Profile = s.Profile
	}
	return d
}

// pick returns the first of two words, or the second.
func pick(words []string, second bool) string {
	if second {
		return words[1]
	}
	return words[0]
}
