package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// standing is where a route or an address stands; no two may stand there.
type standing struct {
	prefix        netip.Prefix
	ifname        string
	id            uint32
	vrf           string
	table, metric uint32
}

// resolveRoutes finds the sessions of routes, nexthop groups and addresses. The peers
// of cfg have been read.
func (d *document) resolveRoutes(routes []routeEntry, groups []groupEntry, addresses []addressEntry, cfg *Config) {
	r := resolver{document: d, cfg: cfg, lines: map[standing]int{}}
	for _, e := range routes {
		if !r.claim(e.item, e.Line, standing{prefix: e.Prefix, vrf: e.VRF, table: e.Table, metric: e.Metric}) ||
			e.Raise != 0 && !r.claim(e.item, e.Line, standing{prefix: e.Prefix, vrf: e.VRF, table: e.Table, metric: e.Metric + e.Raise}) {
			continue
		}
		ok := true
		within(e.VRF, e.via)
		if e.Group != 0 {
			ok = r.leads(&e, groups)
		} else {
			e.Via, ok = r.gateways(e.via, e.profile, e.Prefix, e.Source)
		}
		if ok {
			cfg.Routes = append(cfg.Routes, e.Route)
		}
	}
	r.groups(groups) // after routes, which need not say what interface a session is on
	for _, e := range addresses {
		if !r.claim(e.item, e.Line, standing{prefix: e.Address.Address, ifname: e.Interface}) {
			continue
		}
		ok := true
		within(e.VRF, e.peers)
		for _, w := range e.peers {
			w.profile = cmp.Or(w.profile, e.profile)
			w.key.Peer = w.gateway.Address
			watch, resolved := r.watch(w)
			ok = ok && resolved
			e.Peers = append(e.Peers, watch)
		}
		if ok {
			cfg.Addresses = append(cfg.Addresses, e.Address)
		}
	}
	r.share()
}

// share gives all that depend on a session the same one: a profile may have been named
// further down.
func (r *resolver) share() {
	final := make(map[Key]Peer, len(r.made))
	for _, p := range r.made {
		final[p.Key()] = p
	}
	of := func(w *Watch) {
		if !w.InFile {
			w.Session = final[w.Session.Key()]
		}
	}
	for i := range r.cfg.Routes {
		for j := range r.cfg.Routes[i].Via {
			of(&r.cfg.Routes[i].Via[j].Watch)
		}
	}
	for i := range r.cfg.NexthopGroups {
		for j := range r.cfg.NexthopGroups[i].Via {
			of(&r.cfg.NexthopGroups[i].Via[j].Watch)
		}
	}
	for i := range r.cfg.Addresses {
		for j := range r.cfg.Addresses[i].Peers {
			of(&r.cfg.Addresses[i].Peers[j])
		}
	}
}

// resolver finds sessions.
type resolver struct {
	*document
	cfg   *Config
	lines map[standing]int
	made  []Peer // by routes and addresses further up
}

func (r *resolver) claim(item value, line int, p standing) bool {
	if had, twice := r.lines[p]; twice {
		what := fmt.Sprintf("%s with metric %d", p.prefix, p.metric)
		switch {
		case p.id != 0:
			what = fmt.Sprintf("nexthop group %d", p.id)
		case p.ifname != "":
			what = p.prefix.String()
		}
		r.fault(item, "%s stands on line %d already: keep one of them", what, had)
		return false
	}
	r.lines[p] = line
	return true
}

// gateways finds the sessions of the gateways of a route, or of a nexthop group, which
// has no prefix.
func (r *resolver) gateways(via []watchEntry, profile string, prefix netip.Prefix, source netip.Addr) (list []Gateway, ok bool) {
	ok = true
	for _, w := range via {
		w.profile = cmp.Or(w.profile, profile)
		g, resolved := r.gateway(w, prefix, source)
		ok = ok && resolved
		if slices.ContainsFunc(list, func(o Gateway) bool { return o.Address == g.Address && o.Interface == g.Interface }) {
			r.fault(w.item, "%s stands twice in one list: keep one of them", g.Address)
			ok = false
		}
		list = append(list, g)
	}
	return list, ok
}

// gateway finds the session of a gateway.
func (r *resolver) gateway(w watchEntry, prefix netip.Prefix, source netip.Addr) (g Gateway, ok bool) {
	g = w.gateway
	if zone := g.Address.Zone(); zone != "" {
		g.Address, w.key.Interface = g.Address.WithZone(""), cmp.Or(w.key.Interface, zone)
	}
	faults := checkAddr(nil, fieldGateway, g.Address)
	if len(faults) == 0 && g.Address.IsLoopback() {
		faults = []Fault{faultf(fieldGateway, "%s is this host itself: give the address of a router", g.Address)}
	}
	if len(faults) == 0 && g.Address.Is4() && prefix.Addr().Is6() { // the other way round is RFC 8950
		faults = []Fault{faultf(fieldGateway, "%s is IPv4, and %s is reached by IPv6 gateways only", g.Address, prefix)}
	}
	if len(faults) > 0 {
		r.faults(w.item, w.places, faults)
		return g, false
	}
	g.Interface = w.key.Interface
	if w.key.Multihop {
		w.key.Interface = "" // the gateway's: the session has none
	}
	if !w.key.Peer.IsValid() {
		w.key.Peer = g.Address
	}
	if !w.key.Local.IsValid() && !linkLocal6(w.key.Peer) && source.IsValid() && source.Is4() == w.key.Peer.Is4() && (w.key.Peer.Is6() || w.key.Multihop) {
		w.key.Local = source
	}
	if g.Watch, ok = r.watch(w); ok && linkLocal6(g.Address) {
		g.Interface = cmp.Or(g.Interface, g.Session.Interface)
		if g.Interface == "" {
			r.fault(w.item, "%s is link-local: name the interface that it is on", g.Address)
			return g, false
		}
	}
	return g, ok
}

// watch finds the one peer of the file that is meant, or what was made for another
// route, or else makes a session.
func (r *resolver) watch(w watchEntry) (Watch, bool) {
	key, faults := w.key.withoutZones()
	if len(faults) > 0 {
		r.faults(w.item, w.places, faults)
		return Watch{}, false
	}
	meant := func(p Peer) bool {
		return p.Peer == key.Peer && p.VRF == key.VRF && p.Multihop == key.Multihop && (!key.Local.IsValid() || !p.Local.IsValid() || p.Local == key.Local) &&
			(key.Interface == "" || p.Interface == "" || p.Interface == key.Interface)
	}
	var found []Peer
	for _, p := range r.cfg.Peers {
		if meant(p) {
			found = append(found, p)
		}
	}
	switch i := slices.IndexFunc(r.made, meant); {
	case len(found) > 1:
		r.fault(w.item, "%s has several sessions, on lines %d and %d: say by local-address or interface which one is meant",
			key.Peer, found[0].Line, found[1].Line)
		return Watch{}, false
	case len(found) == 1:
		return Watch{Session: found[0], InFile: true}, true
	case i < 0:
		p, ok := r.make(key, w)
		if ok {
			r.made = append(r.made, p)
		}
		return Watch{Session: p}, ok
	case w.profile == "" || w.profile == r.made[i].Profile:
		return Watch{Session: r.made[i]}, true
	case r.made[i].Profile != "":
		r.fault(w.item, "the session with %s has another profile on line %d: give it the same, or put it into peers", key.Peer, r.made[i].Line)
		return Watch{}, false
	default: // nobody has named one yet
		p, ok := r.make(r.made[i].Key(), w)
		if ok {
			r.made[i] = p
		}
		return Watch{Session: p}, ok
	}
}

// make makes a session.
func (r *resolver) make(key Key, w watchEntry) (Peer, bool) {
	p, faults := NewPeer(key, w.profile, Settings{}, r.cfg.Profiles)
	if len(faults) == 0 {
		faults = r.cfg.EchoSource.missing(p)
	}
	if len(faults) > 0 {
		r.faults(w.item, w.places, faults)
		return Peer{}, false
	}
	for _, o := range r.cfg.Peers {
		if p.Excludes(o) {
			r.fault(w.item, "%s has a session on line %d already, and unaffiliated-echo allows a peer no other one (RFC 9747 §4)", p.Peer, o.Line)
			return Peer{}, false
		}
	}
	p.Line = r.line(w.item)
	if _, known := r.cfg.Profiles[p.Profile]; !known && p.Profile != "" {
		r.warn(w.item, "there is no profile %q (yet): until there is, the session with %s runs with the defaults", p.Profile, p.Peer)
	}
	return p, true
}
