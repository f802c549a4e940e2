package frrview

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// ShowRoutes returns what FRR's staticd answers to a Command about StaticRoutes: each
// gateway of each route on a line of its own. Addresses are none.
func (c Command) ShowRoutes(list []client.Route) string {
	names, hops := []string{config.DefaultVRF}, make(map[string]*families)
	hops[config.DefaultVRF] = new(families)
	groups := make(map[uint32][]client.RouteMember)
	for i := range list {
		if r := &list[i]; r.Kind == "nexthop-group" {
			groups[r.NexthopGroup] = r.Members
		}
	}
	for i := range list {
		r := &list[i]
		p, err := netip.ParsePrefix(r.Prefix)
		if r.Kind != "route" || err != nil {
			continue
		}
		vrf := cmp.Or(r.VRF, config.DefaultVRF)
		if hops[vrf] == nil {
			names, hops[vrf] = append(names, vrf), new(families)
		}
		into := &hops[vrf].six
		if p.Addr().Is4() {
			into = &hops[vrf].four
		}
		members := r.Members
		if r.NexthopGroup != 0 {
			members = groups[r.NexthopGroup]
		}
		for j := range members {
			*into = append(*into, hop{vrf, r.Prefix, &members[j]})
		}
	}
	if c.JSON {
		var all families
		for _, vrf := range names {
			all.four, all.six = append(all.four, hops[vrf].four...), append(all.six, hops[vrf].six...)
		}
		return `{"path-list":{"ipv4-unicast":` + hopsJSON(all.four) + `,"ipv4-multicast":[],"ipv6-unicast":` + hopsJSON(all.six) + "}}\n"
	}
	var b strings.Builder
	b.WriteString("Showing BFD monitored static routes:\n\n  Next hops:\n")
	for _, vrf := range names {
		fmt.Fprintf(&b, "    VRF %s IPv4 Unicast:\n%s\n    VRF %s IPv4 Multicast:\n\n    VRF %s IPv6 Unicast:\n%s\n",
			vrf, hopsText(hops[vrf].four), vrf, vrf, hopsText(hops[vrf].six))
	}
	return b.String()
}

// families are the gateways of a VRF's routes.
type families struct{ four, six []hop }

// hop is one gateway of a route.
type hop struct {
	vrf, prefix string
	*client.RouteMember
}

func hopsText(list []hop) string {
	var b strings.Builder
	for _, h := range list {
		status := "uninstalled"
		if h.Used {
			status = "installed"
		}
		fmt.Fprintf(&b, "        %s peer %s (status: %s)\n", h.prefix, h.Gateway, status)
	}
	return b.String()
}

func hopsJSON(list []hop) string {
	var parts []string
	for _, h := range list {
		parts = append(parts, fmt.Sprintf(`{"prefix":%s,"vrf":%s,"installed":%t,"peer":%s}`, text(h.prefix), text(h.vrf), h.Used, text(h.Gateway.String())))
	}
	return "[" + strings.Join(parts, ",") + "]"
}
