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
	if s.pickVRF(t, &p, look); p.Reason != "" {
		return p
	}
	if t.Multihop {
		s.resolveMultihop(t, &p, look)
	} else {
		s.resolveSingleHop(t, &p, look)
	}
	return p
}

func (s *state) resolveSingleHop(t Target, p *Path, look func(subject)) {
	index, reason := s.pickLink(t, p, look)
	if reason != "" {
		p.Reason = reason
		return
	}
	l := s.leaveBy(index, p, look)
	if p.Reason != "" {
		return
	}
	if _, own := l.addrs[t.Peer]; own && l.flags&unix.IFF_LOOPBACK == 0 {
		p.Reason = fmt.Sprintf("peer address %s is this host's own, on interface %s", t.Peer, l.name)
		return
	}
	hops := s.hopsThrough(t.Peer, index, look)
	if p.Local, p.Reason = pickLocal(t, l, hops); p.Reason != "" {
		return
	}
	p.Ready = true
	p.OffLink = len(hops) == 0 && !t.Peer.IsLinkLocalUnicast()
	p.EchoSource, p.EchoReason = s.pickEcho(*p, l, look)
	s.findMAC(p, l, look)
}

// leaveBy notes by which interface packets leave, and the reason why they
// cannot if it is down.
func (s *state) leaveBy(index int, p *Path, look func(subject)) *link {
	look(subject{kind: byIndex, index: index})
	l := s.links[index]
	if l == nil { // the kernel is ahead of its events
		p.Reason = fmt.Sprintf("interface %d is not known", index)
		return nil
	}
	p.Ifindex, p.Interface, p.LocalMAC = index, l.name, l.mac
	p.Up = l.flags&unix.IFF_UP != 0 && l.flags&unix.IFF_RUNNING != 0
	p.PointToPoint = l.flags&unix.IFF_POINTOPOINT != 0
	p.Lowers = s.lowersOf(index, look)
	if l.flags&unix.IFF_UP == 0 {
		p.Reason = fmt.Sprintf("interface %s is down", l.name)
	}
	return l
}

// findMAC looks the next hop up among the neighbours.
func (s *state) findMAC(p *Path, l *link, look func(subject)) {
	if !l.ether || l.flags&(unix.IFF_LOOPBACK|unix.IFF_NOARP) != 0 {
		return
	}
	key := neighKey{p.Ifindex, p.NextHop}
	look(key.subject())
	if n := s.neighs[key]; n.known() {
		p.PeerMAC, p.MACKnown = n.mac, true
	}
}

// pickLink finds the interface t names, else the one that is directly connected
// to the peer by the longest prefix. Routes by way of a router are no matter:
// RFC 5881 §6 has packets go over the protected hop or not at all.
func (s *state) pickLink(t Target, p *Path, look func(subject)) (index int, reason string) {
	if t.Interface != "" {
		if index, reason = s.named(t.Interface, look); reason == "" {
			look(subject{kind: byIndex, index: index})
			reason = s.outside(index, p)
		}
		return index, reason
	}
	look(subject{kind: byPrefix})
	for list := range s.connected.holding(t.Peer) {
		if best, ok := s.bestHop(list, t.Local, p.VRFIndex); ok {
			return best.ifindex, ""
		}
	}
	if t.Local.IsValid() && !s.has(t.Local, p.VRFIndex) {
		return 0, fmt.Sprintf("%s has address %s", p.noneOf(), t.Local)
	}
	return 0, fmt.Sprintf("%s is directly connected to %s", p.noneOf(), t.Peer)
}

func (s *state) named(name string, look func(subject)) (index int, reason string) {
	look(subject{kind: byName, name: name})
	index, ok := s.names[name]
	if !ok {
		return 0, fmt.Sprintf("interface %s does not exist", name)
	}
	return index, ""
}

// bestHop takes interfaces of a VRF. It prefers those that are up, then what the
// kernel's routes prefer.
func (s *state) bestHop(list []hop, local netip.Addr, vrf int) (best hop, ok bool) {
	for _, h := range list {
		l := s.links[h.ifindex]
		if l == nil || l.stack.table != 0 || s.vrfOf(h.ifindex) != vrf || (local.IsValid() && len(l.addrs[local]) == 0) {
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
		if list := l.addrs[ip]; len(list) > 0 && list[0].usable() && (!best.ip.IsValid() || byPreference(list[0], best) < 0) {
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

// byPreference orders addresses by what the kernel thinks of them, then by
// value, so that the choice does not depend on the order of events.
func byPreference(a, b address) int {
	switch {
	case a.second() == b.second():
		return a.ip.Compare(b.ip)
	case b.second():
		return -1
	}
	return 1
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
