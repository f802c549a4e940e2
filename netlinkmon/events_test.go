package netlinkmon

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

const (
	up      = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_BROADCAST
	down    = unix.IFF_BROADCAST
	p2p     = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_POINTOPOINT | unix.IFF_NOARP
	noLoss  = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK
	noCable = unix.IFF_UP

	noEcho = "no echo-source is configured"
)

func ip(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func addLink(index int, name string, flags uint32) linkEvent {
	l := link{name: name, flags: flags}
	if flags&(unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) == 0 {
		l.ether, l.mac = true, packet.MAC{2, 0, 0, 0, 0, byte(index)}
	}
	return linkEvent{index: index, link: l}
}

func addAddr(index int, cidr string, flags ...uint32) addrEvent {
	p := netip.MustParsePrefix(cidr)
	e := addrEvent{index: index, addr: address{ip: p.Addr(), prefix: p.Masked()}}
	for _, f := range flags {
		e.addr.flags |= f
	}
	return e
}

func addRoute(index int, cidr string, metric uint32, src string) routeEvent {
	h := hop{ifindex: index, route: true, metric: metric, local: ip(src), table: unix.RT_TABLE_MAIN}
	return routeEvent{onLink: true, dst: netip.MustParsePrefix(cidr), hop: h}
}

func addNeigh(index int, addr string, state uint16, mac byte) neighEvent {
	n := neigh{state: state}
	if mac != 0 {
		n.ether, n.mac = true, packet.MAC{2, 0, 0, 0, 1, mac}
	}
	return neighEvent{key: neighKey{index, ip(addr)}, neigh: n}
}

// have makes a state of events; all neighbours among them are watched.
func have(events ...event) *state {
	s := newState()
	for _, e := range events {
		if e, ok := e.(neighEvent); ok {
			s.neighs[e.key] = neigh{}
		}
		s.apply(e, func(subject) {})
	}
	return s
}

func ethernet() []event {
	return []event{
		addLink(1, "lo", noLoss), addAddr(1, "127.0.0.1/8"), addAddr(1, "::1/128"),
		addLink(2, "eth0", up), addAddr(2, "192.0.2.1/24"), addAddr(2, "2001:db8::1/64"), addAddr(2, "fe80::2/64"),
		addLink(3, "eth1", up), addAddr(3, "198.51.100.1/24"), addAddr(3, "fe80::3/64"),
	}
}
