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
	if p.Reason = s.unfit(t.Local); p.Reason != "" {
		return
	}
	q := query{peer: t.Peer, local: t.Local}
	if t.Interface != "" {
		if q.oif, p.Reason = s.named(t.Interface, look); p.Reason != "" {
			return
		}
		if s.leaveBy(q.oif, p, look); p.Reason != "" {
			return
		}
	}
	look(q.subject())
	a := s.lookups.answers[q]
	if p.Reason = a.reason(q, t.Interface); p.Reason != "" {
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

// unfit says why packets cannot go from and come to a local address, or "".
func (s *state) unfit(local netip.Addr) (reason string) {
	reason = fmt.Sprintf("no interface has address %s", local)
	for _, index := range s.owners[local] {
		l := s.links[index]
		switch {
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
