package netlinkmon

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// vrfOf returns the VRF that an interface is in, as the index of the VRF's device,
// which is in its own; 0 is the default VRF. Only the device right above counts: a
// port of a bond is in no VRF, the bond is.
func (s *state) vrfOf(index int) int {
	if l := s.links[index]; l != nil {
		return s.vrfBy(index, l)
	}
	return 0
}

// vrfBy does what vrfOf does for an interface that is as l says.
func (s *state) vrfBy(index int, l *link) int {
	if l.stack.table != 0 {
		return index
	}
	if m := s.links[l.stack.master]; m != nil && m.stack.table != 0 {
		return l.stack.master
	}
	return 0
}

// tableOf returns the number of the table in which the routes of a VRF are.
func (s *state) tableOf(vrf int) uint32 {
	if l := s.links[vrf]; vrf != 0 && l != nil {
		return l.stack.table
	}
	return unix.RT_TABLE_MAIN
}

// applyVRF keeps count of the tables, and says whether the interface has gone from
// one VRF to another. old is how it was, nil if it was not there.
func (s *state) applyVRF(old *link, e linkEvent) (moved bool) {
	var was, is link
	if old != nil {
		was = *old
	}
	if !e.gone {
		is = e.link
	}
	if was.stack.table != is.stack.table {
		s.tables[was.stack.table]--
		s.tables[is.stack.table]++
	}
	moved = s.vrfBy(e.index, &was) != s.vrfBy(e.index, &is)
	s.moved = s.moved || moved
	return moved && old != nil
}

// vrfs returns all interfaces that are in a VRF, each with the VRF's index.
func (s *state) vrfs() map[int]int {
	in := make(map[int]int)
	for index := range s.links {
		if vrf := s.vrfOf(index); vrf != 0 {
			in[index] = vrf
		}
	}
	return in
}

// pickVRF finds the VRF of t: the one it names, else that of the interface it
// names, else the default one. It notes it in p.
func (s *state) pickVRF(t Target, p *Path, look func(subject)) {
	switch {
	case t.VRF != "":
		look(subject{kind: byName, name: t.VRF})
		index, exists := s.names[t.VRF]
		if !exists {
			p.Reason = fmt.Sprintf("VRF %s does not exist", t.VRF)
			return
		}
		if s.links[index].stack.table == 0 {
			look(subject{kind: byIndex, index: index})
			p.Reason = fmt.Sprintf("interface %s is not a VRF", t.VRF)
			return
		}
		p.VRFIndex = index
	case t.Interface != "":
		look(subject{kind: byName, name: t.Interface})
		if index, exists := s.names[t.Interface]; exists {
			look(subject{kind: byIndex, index: index})
			p.VRFIndex = s.vrfOf(index)
		}
	}
	if p.VRFIndex == 0 {
		return
	}
	look(subject{kind: byIndex, index: p.VRFIndex})
	vrf := s.links[p.VRFIndex]
	if p.VRF = vrf.name; vrf.flags&unix.IFF_UP == 0 {
		p.Reason = fmt.Sprintf("VRF %s is down", p.VRF)
	}
}

// outside says why packets of the path's VRF cannot leave by an interface, or "".
func (s *state) outside(index int, p *Path) (reason string) {
	l, in := s.links[index], s.vrfOf(index)
	switch {
	case l == nil:
		return ""
	case l.stack.table != 0:
		return fmt.Sprintf("interface %s is a VRF and no link: its name is for vrf", l.name)
	case in == p.VRFIndex:
		return ""
	case in == 0:
		return fmt.Sprintf("interface %s is not in VRF %s", l.name, p.VRF)
	}
	return fmt.Sprintf("interface %s is in VRF %s", l.name, s.links[in].name)
}

// noneOf says which interfaces were looked through in vain.
func (p *Path) noneOf() string {
	if p.VRF != "" {
		return "no interface of VRF " + p.VRF
	}
	return "no interface"
}

// has says whether some interface of a VRF has an address.
func (s *state) has(local netip.Addr, vrf int) bool {
	for _, index := range s.owners[local] {
		if s.vrfOf(index) == vrf {
			return true
		}
	}
	return false
}
