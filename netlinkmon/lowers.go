package netlinkmon

import (
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Lowers says by which interfaces the frames travel of one that is made of
// others: a VLAN device, a bond, a VLAN device on a bond. A Monitor has one value
// of it at a time for each interface, so those of its Paths are equal when the
// pointers are. It is never changed.
type Lowers struct {
	// Kind says for people what the interface is, such as "VLAN 100 of bond0".
	Kind string
	// VLAN is the identifier of the 802.1Q tag that its frames carry on the lower
	// interfaces, 0 without one.
	VLAN uint16
	// Members are the lower interfaces, in order of index.
	Members []Lower
	// Reason says, for people, why there are none to use: only the kernel knows
	// which way the frames go, or does what is needed on that way.
	Reason string
	// Own says that an XDP program may run on the interface itself. On VLAN
	// devices and bonds it may not: the kernel refuses programs below one, and on a
	// bond the driver's runs in the members, whose frames its sockets do not get.
	Own bool

	found uint64 // how many had been found before it
}

// Older says that l was found before o, of the same interface: what o says has
// become true since. News of one session may come behind those of another.
func (l *Lowers) Older(o *Lowers) bool { return l != nil && o != nil && l.found < o.found }

// found is what was found out last about each interface, by index.
type found struct {
	lowers map[int]*Lowers
	count  uint64
}

// keep returns the value that stands for now, nil for nil.
func (f *found) keep(index int, now *Lowers) *Lowers {
	was := f.lowers[index]
	switch {
	case now == nil:
		delete(f.lowers, index)
		return nil
	case was != nil && was.equal(now):
		return was
	}
	f.count++
	now.found = f.count
	f.lowers[index] = now
	return now
}

// Lower is an interface that carries frames of another.
type Lower struct {
	Ifindex int
	Name    string
	// Active says that the other one sends by it now and takes what arrives there.
	Active bool
	// Reason says why nothing but the kernel may use it, "" if others may.
	Reason string
}

// ListLowers returns what lies under the interfaces that are made of others, by
// their names, in the network namespace of the calling thread.
func ListLowers() (map[string]*Lowers, error) {
	k, err := openKernel()
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	defer k.close()
	s := newState()
	if err := k.list(false, func(e event) { s.apply(e, func(subject) {}) }); err != nil {
		return nil, err
	}
	all := make(map[string]*Lowers)
	for index, l := range s.links {
		if u := s.lowersOf(index, func(subject) {}); u != nil {
			all[l.name] = u
		}
	}
	return all, nil
}

// Modes of bonds (linux/if_bonding.h).
const (
	roundRobin = iota
	activeBackup
	balanceXOR
	broadcast
	lacp
	balanceTLB
	balanceALB
)

var modeNames = [...]string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"}

// modeName is how people call a bond's mode.
func modeName(mode uint8) string {
	if int(mode) < len(modeNames) {
		return modeNames[mode]
	}
	return strconv.Itoa(int(mode))
}

// lowersOf finds out what lies under an interface, nil if nothing does, and tells
// look what the answer depends on. As long as it is the same, so is the pointer.
func (s *state) lowersOf(index int, look func(subject)) *Lowers {
	l := s.links[index]
	var now *Lowers
	switch kind := l.stack.kind; {
	case !l.ether: // nothing but the kernel has its frames
	case kind == "vlan":
		now = s.underVLAN(l, look)
	case kind == "bond":
		now = &Lowers{Kind: "bond, " + modeName(l.stack.mode)}
		s.addMembers(now, index, look)
	case !leaf(kind):
		now = &Lowers{Kind: kind, Reason: opaque(kind), Own: true}
	}
	return s.found.keep(index, now)
}

// leaf tells a link that has frames of its own from one that is made of others.
func leaf(kind string) bool {
	return slices.Contains([]string{"", "veth", "tun", "dummy", "netdevsim"}, kind)
}

// opaque says why frames of a device are not to be had below it.
func opaque(kind string) string {
	if kind == "bridge" {
		return "on its ports XDP would keep from a bridge the frames that tell it where its neighbours are"
	}
	return "what lies under a " + kind + " device is not followed"
}

// underVLAN finds what lies under a VLAN device.
func (s *state) underVLAN(l *link, look func(subject)) *Lowers {
	st := &l.stack
	now := &Lowers{Kind: fmt.Sprintf("VLAN %d", st.vlan)}
	if st.abroad || st.parent == 0 {
		now.Reason = "the interface that it is on is in another network namespace"
		return now
	}
	look(subject{kind: byIndex, index: st.parent})
	parent := s.links[st.parent]
	if parent == nil {
		now.Reason = fmt.Sprintf("interface %d, which it is on, is not known", st.parent)
		return now
	}
	now.Kind += " of " + parent.name
	switch kind := parent.stack.kind; {
	case st.tag != unix.ETH_P_8021Q:
		now.Reason = fmt.Sprintf("its tag is not of 802.1Q but of type 0x%04x", st.tag)
	case st.vlan == 0:
		now.Reason = "its tag is of priority only"
	case kind == "vlan":
		now.Reason = fmt.Sprintf("%s is a VLAN itself, so frames carry two tags", parent.name)
	case kind == "bond":
		now.Kind += ", " + modeName(parent.stack.mode)
		s.addMembers(now, st.parent, look)
	case !leaf(kind):
		now.Reason = opaque(kind)
	default:
		now.Members = []Lower{{Ifindex: st.parent, Name: parent.name, Active: true}}
	}
	if len(now.Members) > 0 {
		now.VLAN = st.vlan
	}
	return now
}

// addMembers adds the members of a bond, or says why they are not to be used.
func (s *state) addMembers(now *Lowers, index int, look func(subject)) {
	look(subject{kind: byIndex, index: index})
	mode := s.links[index].stack.mode
	switch mode {
	case roundRobin, activeBackup, balanceXOR, lacp:
	case broadcast:
		now.Reason = "a bond in mode broadcast sends each frame by all members"
		return
	default: // whose members have, to peers, addresses of their own
		now.Reason = "a bond in mode " + modeName(mode) + " chooses a member and its Ethernet address for each peer"
		return
	}
	for _, i := range s.members[index] {
		look(subject{kind: byIndex, index: i})
		l := s.links[i]
		m := Lower{Ifindex: i, Name: l.name, Active: l.carries(mode)}
		if !leaf(l.stack.kind) {
			m.Reason = "it is a " + l.stack.kind + " device"
		}
		now.Members = append(now.Members, m)
	}
	if len(now.Members) == 0 {
		now.Reason = "the bond has no members"
	}
}

// carries says that a bond sends by this member and takes what arrives there. In
// mode active-backup the one member that is active stays so until there is a
// better one, whatever its state.
func (l *link) carries(mode uint8) bool {
	const running = unix.IFF_UP | unix.IFF_RUNNING
	return !l.stack.backup && (mode == activeBackup || !l.stack.dead && l.flags&running == running)
}

func (l *Lowers) equal(o *Lowers) bool {
	return l.Kind == o.Kind && l.VLAN == o.VLAN && l.Reason == o.Reason && l.Own == o.Own && slices.Equal(l.Members, o.Members)
}

// regroup keeps the parts of links in order when one of them has changed: now is
// what it was before, nil if it is new.
func (s *state) regroup(index int, was, now *link, gone bool, touch func(subject)) {
	from, to := 0, now.stack.master
	if was != nil {
		from = was.stack.master
	}
	if gone {
		to = 0
	}
	if from == to {
		return
	}
	if list := slices.DeleteFunc(s.members[from], func(i int) bool { return i == index }); len(list) > 0 {
		s.members[from] = list
	} else {
		delete(s.members, from)
	}
	if to != 0 {
		at, _ := slices.BinarySearch(s.members[to], index)
		s.members[to] = slices.Insert(s.members[to], at, index)
	}
	for _, master := range []int{from, to} {
		if master != 0 {
			touch(subject{kind: byIndex, index: master})
		}
	}
}
