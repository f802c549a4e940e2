package netns

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Neigh is a neighbour entry.
type Neigh struct {
	IP  netip.Addr
	MAC net.HardwareAddr
}

// AddAddr gives an interface addresses, each with its prefix length. On an
// interface with carrier they are fit for use when it returns.
func (n *NS) AddAddr(ifname string, addrs ...netip.Prefix) error {
	running := false
	err := each(n, "add address", ifname, addrs, func(l netlink.Link, p netip.Prefix) error {
		running = l.Attrs().RawFlags&unix.IFF_RUNNING != 0
		return n.nl.AddrAdd(l, &netlink.Addr{IPNet: ipNet(p)})
	})
	if err != nil || !running {
		return err
	}
	return n.settle(ifname)
}

// DelAddr takes addresses away from an interface.
func (n *NS) DelAddr(ifname string, addrs ...netip.Prefix) error {
	return each(n, "delete address", ifname, addrs, func(l netlink.Link, p netip.Prefix) error {
		return n.nl.AddrDel(l, &netlink.Addr{IPNet: ipNet(p)})
	})
}

// AddNeigh enters permanent neighbours, in place of any that are there.
func (n *NS) AddNeigh(ifname string, neighs ...Neigh) error {
	return each(n, "add neighbour", ifname, neighs, func(l netlink.Link, e Neigh) error {
		return n.nl.NeighSet(&netlink.Neigh{
			LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT,
			IP: e.IP.AsSlice(), HardwareAddr: e.MAC,
		})
	})
}

// DelNeigh deletes neighbour entries.
func (n *NS) DelNeigh(ifname string, ips ...netip.Addr) error {
	return each(n, "delete neighbour", ifname, ips, func(l netlink.Link, ip netip.Addr) error {
		return n.nl.NeighDel(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: ip.AsSlice()})
	})
}

// Neighs lists the neighbour entries of an interface, of both families.
func (n *NS) Neighs(ifname string) ([]netlink.Neigh, error) {
	l, err := n.link(ifname)
	if err != nil {
		return nil, err
	}
	list, err := n.nl.NeighList(l.Attrs().Index, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list neighbours of %s in %s: %w", ifname, n.name, err)
	}
	return list, nil
}

// AddRoute adds a route through an interface, by way of the router via, or
// straight onto the link when via is the zero Addr.
func (n *NS) AddRoute(ifname string, dst netip.Prefix, via netip.Addr) error {
	return n.route("add route", ifname, dst, via, n.nl.RouteAdd)
}

// DelRoute deletes a route that AddRoute added.
func (n *NS) DelRoute(ifname string, dst netip.Prefix, via netip.Addr) error {
	return n.route("delete route", ifname, dst, via, n.nl.RouteDel)
}

func (n *NS) route(verb, ifname string, dst netip.Prefix, via netip.Addr, fn func(*netlink.Route) error) error {
	l, err := n.link(ifname)
	if err != nil {
		return err
	}
	r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(dst), Scope: netlink.SCOPE_LINK}
	if via.IsValid() {
		r.Gw, r.Scope = via.AsSlice(), netlink.SCOPE_UNIVERSE
	}
	if err := fn(r); err != nil {
		return fmt.Errorf("%s %s through %s in %s: %w", verb, dst, ifname, n.name, err)
	}
	return nil
}

// each applies fn to every item, looking the interface up once: thousands of
// addresses take one request each and no more.
func each[T any](n *NS, verb, ifname string, items []T, fn func(netlink.Link, T) error) error {
	l, err := n.link(ifname)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := fn(l, item); err != nil {
			return fmt.Errorf("%s %v of %s in %s: %w", verb, item, ifname, n.name, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
