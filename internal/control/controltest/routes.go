package controltest

import (
	"context"
	"net/netip"

	"github.com/xbfd/xbfd/internal/control"
)

// Routes implements control.Backend: one route with two gateways, one of which has
// failed, one that is refused, one by a nexthop group, that group, and an address.
func (b *Backend) Routes(ctx context.Context) ([]control.Route, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	member := func(addr, state string, id uint32) control.RouteMember {
		a := netip.MustParseAddr(addr)
		return control.RouteMember{
			Gateway: a, Weight: 1, SessionState: state, Used: state == "up",
			Session: control.EventSession{Peer: a, Interface: "eth0", VRF: "default", Discr: id},
		}
	}
	two := control.Route{
		Kind: "route", Prefix: "198.51.100.0/24", Table: 254, Metric: 20, OnDown: "remove", Initial: "absent", AdminDown: "ignore", OnExit: "keep",
		State: "installed", Changes: 3, Members: []control.RouteMember{member("192.0.2.1", "up", 11), member("192.0.2.2", "down", 12)},
	}
	refused := control.Route{
		Kind: "route", Prefix: "2001:db8:1::/48", Table: 100, Metric: 30, Source: netip.MustParseAddr("2001:db8::9"), OnDown: "raise-metric 1000",
		Initial: "present", AdminDown: "fail", OnExit: "withdraw", Hold: 5_000_000,
		State: "refused", Reason: "the gateway is not on a link of this host", Tries: 4, RetryIn: 800_000,
		Members: []control.RouteMember{member("2001:db8::1", "up", 13)},
	}
	by := control.Route{
		Kind: "route", Prefix: "203.0.113.0/24", Table: 254, Metric: 20, NexthopGroup: 10, OnDown: "remove", OnExit: "keep", State: "installed", Changes: 1,
	}
	group := control.Route{
		Kind: "nexthop-group", NexthopGroup: 10, OnDown: "remove", Initial: "absent", AdminDown: "ignore", OnExit: "keep",
		State: "installed", Changes: 2, Members: []control.RouteMember{member("192.0.2.1", "up", 11), member("192.0.2.2", "down", 12)},
	}
	for i := range group.Members {
		group.Members[i].Interface = "eth0"
	}
	vip := control.Route{
		Kind: "address", Prefix: "192.0.2.53/32", Interface: "lo", Require: "any", Initial: "absent", AdminDown: "ignore", OnExit: "keep",
		State: "absent", Members: []control.RouteMember{member("192.0.2.1", "down", 11)},
	}
	vip.Members[0].Gateway, vip.Members[0].Weight, vip.Members[0].HoldLeft = netip.Addr{}, 0, 1_500_000
	return []control.Route{two, refused, by, group, vip}, nil
}
