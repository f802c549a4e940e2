package speaker

import (
	"errors"
	"slices"

	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// arrange has the frames of an open interface taken, and sent, below it as its
// path says. Its sessions go on meanwhile: what no ring takes comes by the
// interface's own sockets.
func (s *Speaker) arrange(p *netlinkmon.Path) error {
	f := s.ifaces[p.Ifindex]
	if p.LocalMAC != f.below.mac {
		if err := s.readdress(p.Ifindex, f, p.LocalMAC); err != nil {
			return err
		}
	}
	if p.Lowers != f.below.want && !p.Lowers.Older(f.below.want) {
		s.rearrange(p.Ifindex, f, p.Lowers, f.way.asked)
	}
	return f.lacking(f.way.asked)
}

// rearrange opens the lower interfaces that are new, takes up and leaves off
// steering, turns the sessions to another member and lets go of what is left over,
// in this order, so that nothing is lost on the way.
func (s *Speaker) rearrange(ifindex int, f *iface, want *netlinkmon.Lowers, asked string) {
	was := f.below
	now := below{want: want, mac: was.mac, via: was.via}
	if takesBelow(asked, want) {
		for _, m := range want.Members {
			l := was.lower(m.Ifindex)
			l.Lower = m
			s.openLower(&l)
			now.again = now.again || !l.open && l.Reason == ""
			now.lowers = append(now.lowers, l)
		}
	}
	s.mu.Lock()
	f.below = now
	s.mu.Unlock()
	s.steerBelow(ifindex, f)
	for _, l := range was.lowers {
		if now.lower(l.Ifindex).Ifindex == 0 {
			s.leave(ifindex, was.vid(), &l)
		}
	}
}

// retryBelow tries the lower interfaces again that are not open.
func (s *Speaker) retryBelow() {
	for ifindex, f := range s.ifaces {
		if f.below.again {
			s.rearrange(ifindex, f, f.below.want, f.way.asked)
		}
	}
}

// turnAbove has the interfaces above one follow when its transport has changed.
func (s *Speaker) turnAbove(lower int) {
	for ifindex, f := range s.ifaces {
		if f.below.lower(lower).open {
			s.steerBelow(ifindex, f)
		}
	}
}

// openLower opens a lower interface, unless it is open, and counts the interface
// above among its users.
func (s *Speaker) openLower(l *lower) {
	if l.open {
		s.rename(s.ifaces[l.Ifindex], l.Name)
		return
	}
	was := l.fault
	l.fault = l.Reason
	if l.fault == "" && s.ifaces[l.Ifindex] == nil && s.o.Transport(l.Name) == wire.TransportUDP {
		l.fault = "UDP sockets, as configured"
	}
	if l.fault != "" {
		return
	}
	if err := s.openOne(l.Ifindex, l.Name, nil); err != nil {
		l.fault = err.Error()
		if l.fault != was {
			s.log.Warn("no ring on a lower interface", "ifname", l.Name, "err", err)
		}
		return
	}
	s.mu.Lock()
	s.ifaces[l.Ifindex].users++
	s.mu.Unlock()
	l.open = true
}

// steerBelow has the programs of the lower interfaces take the frames of the one
// above where it takes them itself, and its sessions send by one of them that has
// a ring. On a member that its bond does not use the kernel is to judge.
func (s *Speaker) steerBelow(ifindex int, f *iface) {
	b := f.below
	b.lowers = slices.Clone(b.lowers)
	var usable []int
	for i := range b.lowers {
		l := &b.lowers[i]
		if !l.open {
			continue
		}
		l.fault = ringless(s.ifaces[l.Ifindex])
		err := s.tables.SetIdle(int32(l.Ifindex), !l.Active)
		if err == nil {
			err = s.steerLower(ifindex, b.vid(), l, l.Active && l.fault == "")
		}
		if err != nil {
			l.fault = err.Error()
			s.log.Error("change XDP tables", "ifname", f.name, "lower", l.Name, "err", err)
		}
		if l.steered {
			usable = append(usable, l.Ifindex)
		}
	}
	was := b.via
	if !slices.Contains(usable, was) {
		b.via = first(usable)
	}
	s.mu.Lock()
	f.below = b
	s.mu.Unlock()
	if b.via != was {
		s.log.Info("lower interface chosen", "ifname", f.name, "by", s.carrier(f).name)
		s.retarget(ifindex)
	}
}

// steerLower makes the tables agree with what is wanted of a lower interface.
func (s *Speaker) steerLower(ifindex int, vid uint16, l *lower, want bool) error {
	if want == l.steered {
		return nil
	}
	err := s.o.In(func() error {
		if want {
			if err := s.ifaces[l.Ifindex].wire.FollowVLANs(); err != nil {
				return err
			}
			return s.tables.SetUpper(int32(l.Ifindex), vid, int32(ifindex))
		}
		return s.tables.DelUpper(int32(l.Ifindex), vid)
	})
	if err == nil {
		l.steered = want
	}
	return err
}

// readdress tells the tables that the interface above has another Ethernet
// address, which they look up themselves.
func (s *Speaker) readdress(ifindex int, f *iface, mac packet.MAC) error {
	for _, l := range f.below.lowers {
		if !l.steered {
			continue
		}
		l.steered = false
		if err := s.steerLower(ifindex, f.below.vid(), &l, true); err != nil {
			return err
		}
	}
	f.below.mac = mac
	return nil
}

// leave lets go of a lower interface.
func (s *Speaker) leave(ifindex int, vid uint16, l *lower) {
	if !l.open {
		return
	}
	err := s.steerLower(ifindex, vid, l, false)
	if !s.idle(ifindex, l.Ifindex) {
		err = errors.Join(err, s.tables.SetIdle(int32(l.Ifindex), false))
	}
	if err != nil {
		s.log.Error("change XDP tables", "lower", l.Name, "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.ifaces[l.Ifindex]; f != nil {
		f.users--
	}
}

// idle says whether an interface is a member that its bond does not use, for all that
// is known by others above it than one.
func (s *Speaker) idle(than, lower int) bool {
	for ifindex, f := range s.ifaces {
		if l := f.below.lower(lower); ifindex != than && l.open && !l.Active {
			return true
		}
	}
	return false
}

// retarget has the sessions of an interface send as it does now.
func (s *Speaker) retarget(ifindex int) {
	paths := make(map[uint32]*netlinkmon.Path)
	s.mu.Lock()
	for discr, e := range s.sessions {
		if e.set != nil && e.set.Ifindex == ifindex {
			paths[discr] = e.set
		}
	}
	s.mu.Unlock()
	for discr, p := range paths {
		if err := s.setPath(discr, p); err != nil {
			s.log.Error("change path", "session", discr, "err", err)
		}
	}
}

// first returns the first of a list, 0 if it is empty.
func first(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[0]
}

// ringless says why an interface has no ring, "" if it has.
func ringless(f *iface) string {
	transport, reason := f.wire.Transport()
	if transport == wire.TransportUDP {
		return reason
	}
	return ""
}
