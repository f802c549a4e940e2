package netlinkmon

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// resolveMultihop follows the kernel's route to a peer that may be many hops
// away (RFC 5883). The interface packets leave by and the router they go
// to may change during the life of a session; the addresses do not.
func (s *state) resolveMultihop(t Target, p *Path, look func(subject)) {
	look(subject{kind: byAddress})
	if p.Reason = s.unfit(t.Local, p); p.Reason != "" {
		return
	}
	q := query{peer: t.Peer, local: t.Local, oif: p.VRFIndex, vrf: p.VRFIndex != 0}
	if t.Interface != "" {
		q.vrf = false
		if q.oif, p.Reason = s.named(t.Interface, look); p.Reason != "" {
			return
		}
		if s.leaveBy(q.oif, p, look); p.Reason != "" {
			return
		}
		if p.Reason = s.outside(q.oif, p); p.Reason != "" {
			return
		}
	}
	look(q.subject())
	a := s.lookups.answers[q]
	if p.Reason = a.reason(q, t.Interface); p.Reason != "" {
		return
	}
	if away := s.outside(a.ifindex, p); away != "" {
		p.Reason = fmt.Sprintf("route to %s leads elsewhere: %s", t.Peer, away)
		return
	}
	l := s.leaveBy(a.ifindex, p, look)
	if p.Reason != "" {
		return
	}
	p.Ready = true
	if a.router.IsValid() {
		p.NextHop = a.router
	}
	if !a.wrapped {
		s.findMAC(p, l, look)
	}
}

// unfit says why packets cannot go from and come to a local address in the path's
// VRF, or "".
func (s *state) unfit(local netip.Addr, p *Path) (reason string) {
	reason = fmt.Sprintf("%s has address %s", p.noneOf(), local)
	for _, index := range s.owners[local] {
		l := s.links[index]
		switch {
		case s.vrfOf(index) != p.VRFIndex:
		case !l.addrs[local][0].usable():
			reason = fmt.Sprintf("address %s on interface %s is tentative or a duplicate", local, l.name)
		case l.flags&unix.IFF_UP == 0:
			reason = fmt.Sprintf("interface %s, which has address %s, is down", l.name, local)
		default:
			return ""
		}
	}
	return reason
}
