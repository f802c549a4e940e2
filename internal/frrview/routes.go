package frrview

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/xbfd/xbfd/client"
)

// ShowRoutes returns what FRR's staticd answers to a Command about StaticRoutes: each
// gateway of each route on a line of its own. Addresses are none.
func (c Command) ShowRoutes(list []client.Route) string {
	var four, six []hop
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
		into := &six
		if p.Addr().Is4() {
			into = &four
		}
		members := r.Members
		if r.NexthopGroup != 0 {
			members = groups[r.NexthopGroup]
		}
		for j := range members {
			*into = append(*into, hop{r.Prefix, &members[j]})
		}
	}
	if c.JSON {
		return `{"path-list":{"ipv4-unicast":` + hopsJSON(four) + `,"ipv4-multicast":[],"ipv6-unicast":` + hopsJSON(six) + "}}\n"
	}
	return "Showing BFD monitored static routes:\n\n  Next hops:\n    VRF default IPv4 Unicast:\n" + hopsText(four) +
		"\n    VRF default IPv4 Multicast:\n\n    VRF default IPv6 Unicast:\n" + hopsText(six) + "\n"
}

// hop is one gateway of a route.
type hop struct {
	prefix string
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
		parts = append(parts, fmt.Sprintf(`{"prefix":%s,"vrf":"default","installed":%t,"peer":%s}`, text(h.prefix), h.Used, text(h.Gateway.String())))
	}
	return "[" + strings.Join(parts, ",") + "]"
}
