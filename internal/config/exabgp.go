package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What an ExaBGP file may leave out, and how long it may have things wait.
const (
	DefaultSettle = 10 * time.Second
	MaxRouteHold  = time.Hour
	maxAttributes = 1000 // characters
)

// The answers to what becomes of a route while nothing is known of its path.
const (
	WordKeep     = "keep"
	WordWithdraw = "withdraw"
)

var keepOrWithdraw = []string{WordKeep, WordWithdraw}

// ExaBGP is the file of xbfd exabgp: which routes ExaBGP announces while which
// session is up.
type ExaBGP struct {
	Control    string // the daemon's socket
	Settle     time.Duration
	DaemonAway string // WordKeep or WordWithdraw
	AdminDown  string // likewise
	Routes     []ExaBGPRoute
}

// ExaBGPRoute is a route and the session that it depends on.
type ExaBGPRoute struct {
	Prefix     netip.Prefix // masked
	NextHop    string       // an address of the prefix's family, or self
	Neighbors  []netip.Addr // of ExaBGP, that are told of it; none: all
	Attributes string       // in ExaBGP's words, one line
	Hold       time.Duration

	Peer, Local netip.Addr // Local: the zero Addr is any
	Interface   string     // empty: any
	Multihop    *bool      // nil: either
}

// ParseExaBGP returns what source says; name stands for it in messages. The error
// is an *Error with every problem found.
func ParseExaBGP(source []byte, name string) (ExaBGP, error) {
	d := &document{name: name}
	x := ExaBGP{Control: DefaultControlPath, Settle: DefaultSettle, DaemonAway: WordKeep, AdminDown: WordKeep}
	var hold time.Duration
	var routes []value
	if root, ok := d.parse(source); ok {
		d.mapping(root, fields{
			"control":     d.path(&x.Control),
			"hold":        d.duration(&hold, MaxRouteHold),
			"settle":      d.duration(&x.Settle, MaxRouteHold),
			"daemon-away": d.choice(&x.DaemonAway, keepOrWithdraw),
			"admin-down":  d.choice(&x.AdminDown, keepOrWithdraw),
			"routes":      func(v value) { d.list(v, func(v value) { routes = append(routes, v) }) },
		})
	}
	for _, v := range routes { // once hold is known, wherever it stands
		r := ExaBGPRoute{Hold: hold}
		switch {
		case !d.exabgpRoute(v, &r):
		case slices.ContainsFunc(x.Routes, r.clashes):
			d.fault(v, "%s goes to the same neighbors as another item: keep one, or tell them apart by neighbors", r.Prefix)
		default:
			x.Routes = append(x.Routes, r)
		}
	}
	if len(routes) == 0 && len(d.problems) == 0 {
		d.add(nil, "routes", "there are none: list what to announce, as in {prefix: 198.51.100.0/24, next-hop: self, peer: 192.0.2.1}")
	}
	return x, d.err()
}

// exabgpRoute reads one item of routes and tells whether it is fine.
func (d *document) exabgpRoute(v value, r *ExaBGPRoute) bool {
	before := len(d.problems)
	at := places{}
	var key Key
	if !d.mapping(v, d.note(at, fields{
		fieldPrefix:    d.prefix(&r.Prefix),
		"next-hop":     d.string(&r.NextHop),
		"neighbors":    d.addresses(&r.Neighbors),
		"attributes":   d.attributes(&r.Attributes),
		"hold":         d.duration(&r.Hold, MaxRouteHold),
		fieldPeer:      d.address(&key.Peer),
		fieldLocal:     d.address(&key.Local),
		fieldInterface: d.string(&key.Interface),
		fieldMultihop:  d.boolean(&r.Multihop),
	})) {
		return false
	}
	key, faults := key.withoutZones()
	r.Peer, r.Local, r.Interface = key.Peer, key.Local, key.Interface
	if !r.Peer.IsValid() {
		faults = append(faults, Fault{fieldPeer, "is missing: name the peer of the session that the route depends on"})
	}
	faults = checkAddr(checkAddr(faults, fieldPeer, r.Peer), fieldLocal, r.Local)
	if r.Interface != "" && !validInterface(r.Interface) {
		faults = append(faults, interfaceFault(r.Interface))
	}
	switch hop, err := netip.ParseAddr(r.NextHop); {
	case !r.Prefix.IsValid():
		faults = append(faults, Fault{fieldPrefix, "is missing: give the route, as in 198.51.100.0/24"})
	case r.NextHop == "":
		faults = append(faults, Fault{"next-hop", "is missing: give an address, or self for ExaBGP's own"})
	case r.NextHop == "self":
	case err != nil || hop.Zone() != "":
		faults = append(faults, faultf("next-hop", "%q is neither an address nor self", r.NextHop))
	case hop.Is4() != r.Prefix.Addr().Is4():
		faults = append(faults, faultf("next-hop", "%s is %s but the prefix %s is not: give a next hop of its family", hop, family(hop), r.Prefix))
	}
	d.faults(v, at, faults)
	return len(d.problems) == before
}

// clashes tells whether a neighbor would be told of two routes to one prefix: to it
// the second replaces the first.
func (r ExaBGPRoute) clashes(o ExaBGPRoute) bool {
	shared := func(a netip.Addr) bool { return slices.Contains(o.Neighbors, a) }
	return r.Prefix == o.Prefix && (len(r.Neighbors) == 0 || len(o.Neighbors) == 0 || slices.ContainsFunc(r.Neighbors, shared))
}

// attributes reads words for ExaBGP, which ends a command at the end of the line.
func (d *document) attributes(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		odd := strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
		switch {
		case !ok:
		case odd || len(s) > maxAttributes:
			d.fault(v, "want one line of at most %d letters, digits and signs, as in med 100 community [ 65000:1 ]", maxAttributes)
		case slices.Contains(strings.Fields(s), "next-hop"):
			d.fault(v, "next-hop has a key of its own: write it there")
		default:
			*into = strings.Join(strings.Fields(s), " ")
		}
	}
}
