package config

import (
	"cmp"
	"net/netip"
	"slices"
)

const (
	sectionGroups = "nexthop-groups"
	fieldID       = "id"
	maxGroupID    = 1<<31 - 1 // above are the nexthops that xbfd makes for groups
)

// NexthopGroup is an object of the kernel that routes may lead to, with those of its
// gateways whose sessions are up.
type NexthopGroup struct {
	ID  uint32
	VRF string    // of the sessions; "" is the default one
	Via []Gateway // never empty; each has an Interface
	Policy
	Line int
}

// DocNexthopGroup is an item of nexthop-groups.
type DocNexthopGroup struct {
	ID        uint32       `json:"id"`
	VRF       string       `json:"vrf,omitempty"`
	Via       []DocGateway `json:"via"`
	Profile   string       `json:"profile,omitempty"` // of all sessions that the item makes
	Hold      string       `json:"hold,omitempty"`
	Initial   string       `json:"initial,omitempty"`
	AdminDown string       `json:"admin-down,omitempty"`
	OnExit    string       `json:"on-exit,omitempty"`
}

func (g NexthopGroup) document() DocNexthopGroup {
	return DocNexthopGroup{
		ID: g.ID, VRF: g.VRF, Via: gateways(g.Via), Hold: duration(g.Hold),
		Initial: pick(Initials, g.Present), AdminDown: pick(AdminDowns, g.AdminFails), OnExit: pick(OnExits, g.Withdraw),
	}
}

func sameGroups(a, b []NexthopGroup) bool {
	return slices.EqualFunc(a, b, func(g, h NexthopGroup) bool {
		return g.ID == h.ID && g.VRF == h.VRF && g.Policy == h.Policy && slices.EqualFunc(g.Via, h.Via, Gateway.same)
	})
}

// groupEntry is an item as it is written.
type groupEntry struct {
	NexthopGroup
	item    value
	profile string
	via     []watchEntry
}

func (d *document) nexthopGroups(into *[]groupEntry) func(value) {
	return func(v value) {
		d.list(v, func(v value) {
			e := groupEntry{item: v, NexthopGroup: NexthopGroup{Line: d.line(v)}}
			f := d.policy(&e.Policy)
			f[fieldID] = d.groupID(&e.ID)
			f[fieldVRF] = d.vrf(&e.VRF)
			f[fieldVia] = d.watched(&e.via, fieldGateway)
			f[fieldProfile] = d.string(&e.profile)
			before := len(d.problems)
			if !d.mapping(v, f) || len(d.problems) > before {
				return
			}
			switch {
			case e.ID == 0:
				d.fault(v, "has no id: give the number that the kernel is to know it by, such as 10")
			case len(e.via) == 0:
				d.fault(v, "has no via: name one gateway or more")
			default:
				*into = append(*into, e)
			}
		})
	}
}

func (d *document) groupID(into *uint32) func(value) {
	return func(v value) {
		if n, ok := d.integer(v, 1, maxGroupID); ok {
			*into = uint32(n)
		}
	}
}

// groupFaults are keys that are the nexthop group's affair.
func (e *routeEntry) groupFaults() (faults []Fault) {
	for _, key := range []string{fieldVia, fieldProfile, "hold", "initial", "admin-down", fieldOnDown} {
		if _, written := e.places[key]; written {
			faults = append(faults, faultf(key, "does not go with %s: give it to the group, which decides for all of its routes", fieldGroup))
		}
	}
	return faults
}

// groups finds the sessions of nexthop groups.
func (r *resolver) groups(entries []groupEntry) {
	for _, e := range entries {
		if !r.claim(e.item, e.Line, standing{id: e.ID}) {
			continue
		}
		var ok bool
		within(e.VRF, e.via)
		e.Via, ok = r.gateways(e.via, e.profile, netip.Prefix{}, netip.Addr{})
		for i := range e.Via {
			g := &e.Via[i]
			if g.Interface = cmp.Or(g.Interface, g.Session.Interface); g.Interface == "" && ok {
				r.fault(e.via[i].item, "%s names no interface, and the kernel's nexthops are of one: write {gateway: %s, interface: NAME}", g.Address, g.Address)
				ok = false
			}
		}
		if ok {
			r.cfg.NexthopGroups = append(r.cfg.NexthopGroups, e.NexthopGroup)
		}
	}
}

// leads checks that a route can lead to its nexthop group.
func (r *resolver) leads(e *routeEntry, groups []groupEntry) bool {
	var faults []Fault
	i := slices.IndexFunc(groups, func(g groupEntry) bool { return g.ID == e.Group })
	if i < 0 {
		faults = []Fault{faultf(fieldGroup, "there is no nexthop group %d: list it under %s", e.Group, sectionGroups)}
	} else if e.Prefix.Addr().Is6() {
		for _, w := range groups[i].via {
			if gateway := w.gateway.Address; gateway.Is4() {
				faults = []Fault{faultf(fieldGroup, "%s is reached by IPv6 gateways only, and nexthop group %d has %s", e.Prefix, e.Group, gateway)}
			}
		}
	}
	r.faults(e.item, e.places, faults)
	return len(faults) == 0
}
