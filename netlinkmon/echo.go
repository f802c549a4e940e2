package netlinkmon

import (
	"fmt"
	"net/netip"
	"slices"
)

// EchoSource says where the source addresses of echo packets come from. The
// zero value says that there are none.
type EchoSource struct {
	// Interface names an interface, usually a loopback. Its first usable global
	// address of the peer's family that RFC 5881 §4 allows serves.
	Interface string
	// Addresses holds at most one address of each family. It goes before those
	// of Interface, and need not be this host's.
	Addresses []netip.Addr
}

// normal returns a copy of e without zones and IPv4-mapped addresses.
func (e EchoSource) normal() EchoSource {
	e.Addresses = slices.Clone(e.Addresses)
	for i, ip := range e.Addresses {
		e.Addresses[i] = ip.Unmap().WithZone("")
	}
	return e
}

// pickEcho finds the source address of echo packets that leave by l, or says
// why there is none.
func (s *state) pickEcho(p Path, l *link, look func(subject)) (source netip.Addr, reason string) {
	for _, ip := range s.echo.Addresses {
		if ip.IsValid() && ip.Is4() == p.Peer.Is4() {
			return unlessRefused(ip, p, l)
		}
	}
	switch {
	case s.echo.Interface != "":
		return s.pickEchoOf(s.echo.Interface, p, l, look)
	case len(s.echo.Addresses) > 0:
		return source, fmt.Sprintf("echo-source has no %s address", family(p.Peer))
	}
	return source, "no echo-source is configured"
}

func (s *state) pickEchoOf(name string, p Path, l *link, look func(subject)) (source netip.Addr, reason string) {
	index, missing := s.named(name, look)
	if missing != "" {
		return source, "echo-source " + missing
	}
	look(subject{kind: byIndex, index: index})
	var list []address
	for ip, a := range s.links[index].addrs {
		if ip.Is4() == p.Peer.Is4() && ip.IsGlobalUnicast() && a[0].usable() {
			list = append(list, a[0])
		}
	}
	slices.SortFunc(list, byPreference)
	reason = fmt.Sprintf("echo-source interface %s has no usable global %s address", name, family(p.Peer))
	for i, a := range list {
		ip, why := unlessRefused(a.ip, p, l)
		if why == "" {
			return ip, ""
		}
		if i == 0 {
			reason = why
		}
	}
	return source, reason
}

// unlessRefused returns ip, or the reason why it is no source for echo packets
// that leave by l. RFC 5881 §4: one of the link's subnet, or a link-local one,
// would have the peer answer with ICMP redirects. A source that is one of the
// session's own addresses makes echoes look like something else.
func unlessRefused(ip netip.Addr, p Path, l *link) (source netip.Addr, reason string) {
	switch {
	case ip == p.Peer:
		return source, fmt.Sprintf("echo source %s is the peer's own address", ip)
	case ip == p.Local:
		return source, fmt.Sprintf("echo source %s is the session's own local address", ip)
	case ip.IsLinkLocalUnicast():
		return source, fmt.Sprintf("echo source %s is link-local", ip)
	case !ip.IsGlobalUnicast():
		return source, fmt.Sprintf("echo source %s is not a global unicast address", ip)
	}
	if subnet := l.subnetOf(ip); subnet.IsValid() {
		return source, fmt.Sprintf("echo source %s is within %s, a subnet of interface %s", ip, subnet, l.name)
	}
	return ip, ""
}

// subnetOf returns the longest of the interface's prefixes that holds ip.
func (l *link) subnetOf(ip netip.Addr) (longest netip.Prefix) {
	for _, list := range l.addrs {
		for _, a := range list {
			if a.prefix.Contains(ip) && a.prefix.Bits() > longest.Bits() {
				longest = a.prefix
			}
		}
	}
	return longest
}
