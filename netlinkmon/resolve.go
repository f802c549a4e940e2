package netlinkmon

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// resolve derives the path of t from the state, and tells look every subject
// that the answer depends on.
func (s *state) resolve(t Target, look func(subject)) Path {
	p := Path{Peer: t.Peer, NextHop: t.Peer, Local: t.Local, Interface: t.Interface}
	if p.Reason = t.refusal(); p.Reason != "" {
		return p
	}
	index, reason := s.pickLink(t, look)
	if reason != "" {
		p.Reason = reason
		return p
	}
	look(subject{kind: byIndex, index: index})
	l := s.links[index]
	p.Ifindex, p.Interface, p.LocalMAC = index, l.name, l.mac
	p.Up = l.flags&unix.IFF_UP != 0 && l.flags&unix.IFF_RUNNING != 0
	if l.flags&unix.IFF_UP == 0 {
		p.Reason = fmt.Sprintf("interface %s is down", l.name)
		return p
	}
	loopback := l.flags&unix.IFF_LOOPBACK != 0
	if _, own := l.addrs[t.Peer]; own && !loopback {
		p.Reason = fmt.Sprintf("peer address %s is this host's own, on interface %s", t.Peer, l.name)
		return p
	}
	hops := s.hopsThrough(t.Peer, index, look)
	if p.Local, p.Reason = pickLocal(t, l, hops); p.Reason != "" {
		return p
	}
	p.Ready = true
	p.OffLink = len(hops) == 0 && !t.Peer.IsLinkLocalUnicast()
	if !l.ether || loopback || l.flags&unix.IFF_NOARP != 0 {
		return p
	}
	look(subject{kind: neighbour, index: index, ip: p.NextHop})
	if n := s.neighs[neighKey{index, p.NextHop}]; n.known() {
		p.PeerMAC, p.MACKnown = n.mac, true
	}
	return p
}

// pickLink finds the interface t names, else the one that is directly connected
// to the peer by the longest prefix. Routes by way of a router are no matter:
// RFC 5881 §6 has packets go over the protected hop or not at all.
func (s *state) pickLink(t Target, look func(subject)) (index int, reason string) {
	if t.Interface != "" {
		look(subject{kind: byName, name: t.Interface})
		index, ok := s.names[t.Interface]
		if !ok {
			return 0, fmt.Sprintf("interface %s does not exist", t.Interface)
		}
		return index, ""
	}
	look(subject{kind: byPrefix})
	for list := range s.connected.holding(t.Peer) {
		if best, ok := s.bestHop(list, t.Local); ok {
			return best.ifindex, ""
		}
	}
	if t.Local.IsValid() && !s.has(t.Local) {
		return 0, fmt.Sprintf("no interface has address %s", t.Local)
	}
	return 0, fmt.Sprintf("no interface is directly connected to %s", t.Peer)
}

// bestHop prefers interfaces that are up, then what the kernel's routes prefer.
func (s *state) bestHop(list []hop, local netip.Addr) (best hop, ok bool) {
	for _, h := range list {
		l := s.links[h.ifindex]
		if l == nil || (local.IsValid() && len(l.addrs[local]) == 0) {
			continue
		}
		if !ok || s.better(h, best) {
			best, ok = h, true
		}
	}
	return best, ok
}

func (s *state) better(a, b hop) bool {
	upA, upB := s.links[a.ifindex].flags&unix.IFF_UP, s.links[b.ifindex].flags&unix.IFF_UP
	switch {
	case upA != upB:
		return upA != 0
	case a.route != b.route:
		return a.route
	case a.metric != b.metric:
		return a.metric < b.metric
	}
	return a.ifindex < b.ifindex
}

func (s *state) has(ip netip.Addr) bool {
	for _, l := range s.links {
		if len(l.addrs[ip]) > 0 {
			return true
		}
	}
	return false
}

// hopsThrough returns the reasons why the peer is directly connected to the
// interface, the longest prefix first: its addresses, or else the routes, which
// count only where no address does. None means that the peer is off the link.
func (s *state) hopsThrough(peer netip.Addr, index int, look func(subject)) []hop {
	var addrs, routes []hop
	for list := range s.connected.holding(peer) {
		for _, h := range list {
			switch {
			case h.ifindex != index:
			case h.route:
				routes = append(routes, h)
			default:
				addrs = append(addrs, h)
			}
		}
		if len(addrs) > 0 {
			return addrs
		}
	}
	look(subject{kind: byPrefix})
	return routes
}

// pickLocal finds the address to send from: the one t gives, else one that hops
// name, else any of the peer's family.
func pickLocal(t Target, l *link, hops []hop) (local netip.Addr, reason string) {
	if t.Local.IsValid() {
		if list := l.addrs[t.Local]; len(list) == 0 {
			return t.Local, fmt.Sprintf("address %s is not on interface %s", t.Local, l.name)
		} else if !list[0].usable() {
			return t.Local, fmt.Sprintf("address %s on interface %s is tentative or a duplicate", t.Local, l.name)
		}
		return t.Local, ""
	}
	var best address
	consider := func(ip netip.Addr) {
		if list := l.addrs[ip]; len(list) > 0 && list[0].usable() && preferred(list[0], best) {
			best = list[0]
		}
	}
	for _, h := range hops {
		consider(h.local)
	}
	if best.ip.IsValid() {
		return best.ip, ""
	}
	for ip := range l.addrs {
		if ip.Is4() == t.Peer.Is4() && ip.IsLinkLocalUnicast() == t.Peer.IsLinkLocalUnicast() {
			consider(ip)
		}
	}
	if !best.ip.IsValid() {
		return best.ip, fmt.Sprintf("interface %s has no usable %s address", l.name, family(t.Peer))
	}
	return best.ip, ""
}

// preferred orders addresses by what the kernel thinks of them, then by value,
// so that the choice does not depend on the order of events.
func preferred(a, b address) bool {
	switch {
	case !b.ip.IsValid():
		return true
	case a.second() != b.second():
		return !a.second()
	}
	return a.ip.Less(b.ip)
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
