package config

import (
	"cmp"
	"math"
	"strconv"
)

// Names of the fields of routes and addresses, and a word.
const (
	fieldPrefix  = "prefix"
	fieldVia     = "via"
	fieldGroup   = "nexthop-group"
	fieldGateway = "gateway"
	fieldSource  = "source"
	fieldTable   = "table"
	fieldPeers   = "peers"
	fieldOnDown  = "on-down"
	fieldRaise   = "raise-metric"
	wordRemove   = "remove"
)

// routeEntry and addressEntry are items as they are written: their sessions may
// stand further down the file.
type routeEntry struct {
	Route
	item    value
	places  places
	profile string
	via     []watchEntry
}

type addressEntry struct {
	Address
	item    value
	places  places
	profile string
	peers   []watchEntry
}

// watchEntry names the session that something depends on.
type watchEntry struct {
	item    value
	places  places
	gateway Gateway
	key     Key
	profile string
}

func (d *document) routes(into *[]routeEntry) func(value) {
	return func(v value) {
		d.list(v, func(v value) {
			e := routeEntry{item: v, places: places{}, Route: Route{Metric: DefaultMetric, Table: MainTable, Line: d.line(v)}}
			f := d.policy(&e.Policy)
			f[fieldPrefix] = d.prefix(&e.Prefix)
			f[fieldVia] = d.watched(&e.via, fieldGateway)
			f[fieldGroup] = d.groupID(&e.Group)
			f["metric"] = d.metric(&e.Metric)
			f[fieldTable] = d.table(&e.Table)
			f[fieldVRF] = d.vrf(&e.VRF)
			f[fieldSource] = d.address(&e.Source)
			f[fieldProfile] = d.string(&e.profile)
			f[fieldOnDown] = d.onDown(&e.Raise)
			before := len(d.problems)
			if !d.mapping(v, d.note(e.places, f)) || len(d.problems) > before {
				return
			}
			if faults := e.check(); len(faults) > 0 {
				d.faults(v, e.places, faults)
				return
			}
			if e.VRF != "" {
				e.Table = 0
			}
			*into = append(*into, e)
		})
	}
}

func (d *document) anycast(into *[]addressEntry) func(value) {
	return func(v value) {
		d.list(v, func(v value) {
			e := addressEntry{item: v, places: places{}, Address: Address{Interface: "lo", Line: d.line(v)}}
			require := Requires[0]
			f := d.policy(&e.Policy)
			f[fieldAddress] = d.ownAddress(&e.Address.Address)
			f[fieldInterface] = d.interfaceName(&e.Interface)
			f[fieldVRF] = d.vrf(&e.VRF)
			f[fieldPeers] = d.watched(&e.peers, fieldPeer)
			f["require"] = d.choice(&require, Requires)
			f[fieldProfile] = d.string(&e.profile)
			before := len(d.problems)
			if !d.mapping(v, d.note(e.places, f)) || len(d.problems) > before {
				return
			}
			e.All = require == Requires[1]
			switch {
			case !e.Address.Address.IsValid():
				d.fault(v, "has no address: give one with its length, such as 192.0.2.53/32")
			case len(e.peers) == 0:
				d.fault(v, "has no peers: name those whose sessions decide")
			default:
				*into = append(*into, e)
			}
		})
	}
}

// policy are the keys that routes and addresses have in common.
func (d *document) policy(p *Policy) fields {
	second := func(into *bool, words []string) func(value) {
		return func(v value) {
			var word string
			d.choice(&word, words)(v)
			*into = word == words[1]
		}
	}
	return fields{
		"hold":       d.duration(&p.Hold, maxRouteHold),
		"initial":    second(&p.Present, Initials),
		"admin-down": second(&p.AdminFails, AdminDowns),
		"on-exit":    second(&p.Withdraw, OnExits),
	}
}

func (d *document) metric(into *uint32) func(value) {
	return func(v value) { d.unsigned(v, into, "metric", "") }
}

// unsigned reads a number from 1 to 4294967295. or says what else the caller takes.
func (d *document) unsigned(v value, into *uint32, what, or string) {
	s, ok := d.text(v)
	if !ok {
		return
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		d.fault(v, "%q is no %s: want %sa whole number from 1 to %d", s, what, or, uint32(math.MaxUint32))
		return
	}
	*into = uint32(n)
}

// vrf reads the name of a VRF; the default one is "".
func (d *document) vrf(into *string) func(value) {
	return func(v value) {
		if d.interfaceName(into)(v); *into == DefaultVRF {
			*into = ""
		}
	}
}

// within has the sessions be those of a VRF.
func within(vrf string, list []watchEntry) {
	for i := range list {
		list[i].key.VRF = cmp.Or(vrf, DefaultVRF)
	}
}

func (d *document) table(into *uint32) func(value) {
	return func(v value) {
		if plain, ok := d.resolve(v); ok && isWord(plain, "main") {
			*into = MainTable
			return
		}
		d.unsigned(v, into, "table", "main or ")
		if *into == localTable {
			d.fault(v, "table 255 is the kernel's own, for addresses of this host: choose another")
		}
	}
}

func (d *document) onDown(into *uint32) func(value) {
	return func(v value) {
		plain, ok := d.resolve(v)
		switch {
		case !ok:
		case isMapping(plain):
			d.mapping(v, fields{fieldRaise: func(v value) { d.unsigned(v, into, "metric", "") }})
		default:
			d.choice(new(string), []string{wordRemove, "{" + fieldRaise + ": N}"})(v)
		}
	}
}

// watched reads a list of addresses, or of mappings that say more. self is the key
// of the address itself: gateway or peer.
func (d *document) watched(into *[]watchEntry, self string) func(value) {
	return func(v value) {
		one := func(v value) {
			e := watchEntry{item: v, places: places{}, gateway: Gateway{Weight: 1}}
			plain, ok := d.resolve(v)
			if !ok {
				return
			}
			if !isMapping(plain) {
				d.address(&e.gateway.Address)(v)
			} else {
				f := fields{
					self:           d.address(&e.gateway.Address),
					fieldInterface: d.interfaceName(&e.key.Interface),
					fieldLocal:     d.address(&e.key.Local),
					fieldMultihop:  d.flag(&e.key.Multihop),
					fieldProfile:   d.string(&e.profile),
				}
				if self == fieldGateway {
					f["weight"] = d.number(&e.gateway.Weight, 1, maxWeight)
					f[fieldPeer] = d.address(&e.key.Peer)
				}
				before := len(d.problems)
				d.mapping(v, d.note(e.places, f))
				if !e.gateway.Address.IsValid() && len(d.problems) == before {
					d.fault(v, "names no %s: give its address", self)
				}
			}
			*into = append(*into, e)
		}
		d.list(v, one)
	}
}

// check returns what is wrong with a route by itself.
func (e *routeEntry) check() []Fault {
	_, table := e.places[fieldTable]
	switch {
	case !e.Prefix.IsValid():
		return []Fault{{fieldPrefix, "is missing: say what is reached by the gateways, such as 198.51.100.0/24"}}
	case len(e.via) == 0 && e.Group == 0:
		return []Fault{{fieldVia, "is missing: name one gateway or more, or a " + fieldGroup}}
	case table && e.VRF != "":
		return []Fault{{fieldTable, "does not go with vrf, which has a table of its own: remove one of them"}}
	case e.Prefix.Addr().IsMulticast():
		return []Fault{faultf(fieldPrefix, "%s is multicast: these routes are unicast", e.Prefix)}
	case e.Source.IsValid() && e.Source.Is4() != e.Prefix.Addr().Is4():
		return []Fault{faultf(fieldSource, "%s is of another family than %s", e.Source, e.Prefix)}
	case uint64(e.Metric)+uint64(e.Raise) > math.MaxUint32:
		return []Fault{faultf(fieldOnDown, "the metric would become higher than %d", uint32(math.MaxUint32))}
	case e.Group != 0:
		return e.groupFaults()
	}
	return nil
}
