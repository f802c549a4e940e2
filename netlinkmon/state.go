package netlinkmon

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/lookup"
	"github.com/xbfd/xbfd/packet"
)

// state is what is known of the namespace. It is owned by the loop, and pure:
// events in, paths out.
type state struct {
	links     map[int]*link
	names     map[string]int
	members   map[int][]int        // the links that are parts of one, in order of index
	found     *found               // by lowersOf
	owners    map[netip.Addr][]int // the interfaces that have an address
	connected prefixes
	neighs    map[neighKey]neigh // of watched paths only
	lookups   lookups            // of watched paths only
	echo      EchoSource
	tables    map[uint32]int // how many VRFs have their routes in a table: one
	moved     bool           // interfaces may be in another VRF than before
}

type link struct {
	name  string
	flags uint32
	ether bool
	mac   packet.MAC
	stack stack
	addrs map[netip.Addr][]address // one IP may be there with several prefixes
}

type address struct {
	ip     netip.Addr
	prefix netip.Prefix // what it connects to, masked
	flags  uint32
}

type neighKey struct {
	index int
	ip    netip.Addr
}

type neigh struct {
	state   uint16
	ether   bool // mac is known
	mac     packet.MAC
	managed bool // the kernel keeps it resolved
	ours    bool // because this package asked for it
}

// known says that frames may be sent to the entry's address.
func (n neigh) known() bool {
	const valid = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE |
		unix.NUD_PERMANENT | unix.NUD_NOARP
	return n.ether && n.state&valid != 0
}

// fixed says that somebody entered the entry for good.
func (n neigh) fixed() bool { return n.state&(unix.NUD_PERMANENT|unix.NUD_NOARP) != 0 }

// usable says that packets may be sent from the address: duplicate address
// detection (RFC 4862 §5.4) is over and found none.
func (a address) usable() bool {
	return a.flags&unix.IFA_F_DADFAILED == 0 &&
		(a.flags&unix.IFA_F_TENTATIVE == 0 || a.flags&unix.IFA_F_OPTIMISTIC != 0)
}

// second says that the kernel would rather send from another address.
func (a address) second() bool {
	return a.flags&(unix.IFA_F_SECONDARY|unix.IFA_F_DEPRECATED) != 0
}

// A subject is a piece of the state that a path was derived from: a change of
// it concerns the paths that looked at it.
type subject struct {
	kind  subjectKind
	index int
	name  string
	ip    netip.Addr
	from  netip.Addr
}

func (s subject) hash() lookup.Hash {
	return lookup.Hash(s.kind).Word(uint64(s.index)).Text(s.name).Addr(s.ip.As16()).Addr(s.from.As16())
}

type subjectKind uint8

const (
	byName     subjectKind = iota // which interface has the name
	byIndex                       // the interface and its addresses
	byPrefix                      // what is directly connected to what
	byAddress                     // which interfaces have which address
	neighbour                     // one neighbour entry
	route                         // the kernel's answer to one query
	routeOfVRF                    // likewise, within a VRF
)

func newState() *state {
	return &state{
		links:     make(map[int]*link),
		names:     make(map[string]int),
		members:   make(map[int][]int),
		found:     &found{lowers: make(map[int]*Lowers)},
		owners:    make(map[netip.Addr][]int),
		connected: newPrefixes(),
		neighs:    make(map[neighKey]neigh),
		lookups:   newLookups(),
		tables:    make(map[uint32]int),
	}
}

// apply takes an event over and names the subjects it changed to touch.
func (s *state) apply(e event, touch func(subject)) {
	switch e := e.(type) {
	case linkEvent:
		s.applyLink(e, touch)
	case addrEvent:
		s.applyAddr(e, touch)
	case routeEvent:
		s.applyRoute(e, touch)
	case policyEvent:
		s.lookups.moveAll()
	case neighEvent:
		s.applyNeigh(e, touch)
	}
}

func (s *state) applyLink(e linkEvent, touch func(subject)) {
	old := s.links[e.index]
	if old == nil && e.gone {
		return
	}
	l := e.link
	if old != nil {
		l.addrs = old.addrs
		if s.names[old.name] == e.index && (e.gone || old.name != l.name) {
			delete(s.names, old.name)
			touch(subject{kind: byName, name: old.name})
		}
	}
	touch(subject{kind: byIndex, index: e.index})
	s.regroup(e.index, old, &l, e.gone, touch)
	moved := s.applyVRF(old, e)
	if old == nil || e.gone || moved || (old.flags^l.flags)&unix.IFF_UP != 0 {
		touch(subject{kind: byPrefix})
		touch(subject{kind: byAddress})
	}
	if old == nil || e.gone || moved || (old.flags^l.flags)&(unix.IFF_UP|unix.IFF_RUNNING) != 0 {
		s.lookups.moveAll()
	}
	if e.gone || moved || l.flags&unix.IFF_UP == 0 {
		// The kernel drops the IPv4 routes of such an interface without a word. One
		// that goes into a VRF or out of it is set down and up, and has its routes anew.
		s.connected.removeAll(func(h hop) bool { return h.ifindex == e.index && (e.gone || h.route) })
	}
	if e.gone {
		for ip := range l.addrs {
			s.disown(ip, e.index)
		}
		delete(s.links, e.index)
		delete(s.found.lowers, e.index)
		return
	}
	if l.addrs == nil {
		l.addrs = make(map[netip.Addr][]address)
	}
	s.links[e.index] = &l
	if was, ok := s.names[l.name]; !ok || was != e.index {
		s.names[l.name] = e.index
		touch(subject{kind: byName, name: l.name})
	}
}

func (s *state) applyAddr(e addrEvent, touch func(subject)) {
	l := s.links[e.index]
	if l == nil {
		return
	}
	same := func(a address) bool { return a.prefix == e.addr.prefix }
	h := hop{ifindex: e.index, local: e.addr.ip}
	list := slices.DeleteFunc(l.addrs[e.addr.ip], same)
	if e.gone {
		s.connected.remove(e.addr.prefix, func(o hop) bool { return o == h })
		// Routes that prefer the address as their source go with it, in silence too.
		s.connected.removeFrom(e.addr.ip, s.tableOf(s.vrfOf(e.index)))
	} else {
		list = append(list, e.addr)
		s.connected.add(e.addr.prefix, h)
	}
	s.disown(e.addr.ip, e.index)
	if l.addrs[e.addr.ip] = list; len(list) == 0 {
		delete(l.addrs, e.addr.ip)
	} else {
		s.owners[e.addr.ip] = append(s.owners[e.addr.ip], e.index)
	}
	touch(subject{kind: byIndex, index: e.index})
	touch(subject{kind: byPrefix})
	touch(subject{kind: byAddress})
	s.lookups.moveAll()
}

func (s *state) disown(ip netip.Addr, index int) {
	list := slices.DeleteFunc(s.owners[ip], func(i int) bool { return i == index })
	if s.owners[ip] = list; len(list) == 0 {
		delete(s.owners, ip)
	}
}

// applyRoute keeps what leads straight onto a link, by the table that the link's
// VRF has; of all others only the destination is of interest.
func (s *state) applyRoute(e routeEvent, touch func(subject)) {
	s.lookups.move(e.dst)
	if table := e.hop.table; !e.onLink && !e.replace || table != unix.RT_TABLE_MAIN && s.tables[table] == 0 {
		return
	}
	same := func(h hop) bool { return h.route && h.metric == e.hop.metric && h.table == e.hop.table }
	if e.replace {
		s.connected.remove(e.dst, same)
	}
	if e.gone {
		s.connected.remove(e.dst, func(h hop) bool { return same(h) && h.ifindex == e.hop.ifindex })
	} else if e.onLink && e.hop.table == s.tableOf(s.vrfOf(e.hop.ifindex)) {
		s.connected.add(e.dst, e.hop)
	}
	touch(subject{kind: byPrefix})
}

// applyNeigh follows watched entries only: the others' events find no entry
// and leave none.
func (s *state) applyNeigh(e neighEvent, touch func(subject)) {
	old, ok := s.neighs[e.key]
	if !ok {
		return
	}
	now := e.neigh
	if e.gone {
		now = neigh{}
	}
	s.neighs[e.key] = now
	if old.known() != now.known() { // routes may avoid routers that do not answer
		s.lookups.moveAll()
	}
	if old.known() != now.known() || old.mac != now.mac {
		touch(subject{kind: neighbour, index: e.key.index, ip: e.key.ip})
	}
}
