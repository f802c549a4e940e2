package netlinkmon

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// A query is what the kernel is asked about the route of a multihop path.
type query struct {
	peer, local netip.Addr
	oif         int  // the interface to leave by; 0 for any
	vrf         bool // oif is a VRF: any interface of it will do
}

// An answer is what the kernel would do with a packet now: it has followed
// rules, tables, metrics and, among several next hops, its own choice.
type answer struct {
	kind    uint8      // RTN_UNICAST for a way out, RTN_UNSPEC for no route
	failed  string     // why the kernel could not be asked
	ifindex int        // by which the packet leaves
	router  netip.Addr // the zero Addr where the peer is on the link
	wrapped bool       // the kernel puts the packet into another
}

// lookups are the answers for watched multihop paths, and what has changed
// since they were given. Owned by the loop, and pure.
type lookups struct {
	answers map[query]answer
	moved   map[netip.Prefix]struct{} // destinations that routes came for or went
	all     bool                      // any answer may be another
}

func newLookups() lookups {
	return lookups{answers: make(map[query]answer), moved: make(map[netip.Prefix]struct{})}
}

// move notes that a route to dst, of any table, came, changed or went. A
// router's table changes all the time; only routes that hold a peer count.
func (l *lookups) move(dst netip.Prefix) {
	if len(l.answers) > 0 && !l.all {
		l.moved[dst] = struct{}{}
	}
}

// moveAll notes a change of something that any route may depend on.
func (l *lookups) moveAll() { l.all = len(l.answers) > 0 }

// changed says that there is something for take to look through.
func (l *lookups) changed() bool { return l.all || len(l.moved) > 0 }

// take returns the queries that have to be asked again, for all the changes of
// a storm at once, and counts on it that they are.
func (l *lookups) take() (again []query) {
	for q := range l.answers {
		if l.all || l.holds(q.peer) {
			again = append(again, q)
		}
	}
	l.all, l.moved = false, make(map[netip.Prefix]struct{})
	return again
}

func (l *lookups) holds(peer netip.Addr) bool {
	for bits := range peer.BitLen() + 1 {
		prefix, _ := peer.Prefix(bits)
		if _, ok := l.moved[prefix]; ok {
			return true
		}
	}
	return false
}

// reason says why the answer to q offers no way, or "". by is the name of the
// interface that q insists on.
func (a answer) reason(q query, by string) string {
	to := "route to " + q.peer.String()
	if by != "" {
		by = " by interface " + by
	}
	switch {
	case a.failed != "":
		return to + by + " cannot be looked up: " + a.failed
	case a.kind == unix.RTN_UNSPEC, a.kind == unix.RTN_UNICAST && q.oif != 0 && !q.vrf && a.ifindex != q.oif:
		return "no " + to + by
	case a.kind == unix.RTN_UNICAST:
		return ""
	case a.kind == unix.RTN_LOCAL:
		return "peer address " + q.peer.String() + " is this host's own"
	case a.kind == unix.RTN_BLACKHOLE:
		return to + by + " is a blackhole"
	case a.kind == unix.RTN_UNREACHABLE:
		return to + by + " says unreachable"
	case a.kind == unix.RTN_PROHIBIT:
		return to + by + " says prohibited"
	}
	return to + by + " does not lead to one host"
}

func (q query) subject() subject {
	s := subject{kind: route, index: q.oif, ip: q.peer, from: q.local}
	if q.vrf {
		s.kind = routeOfVRF
	}
	return s
}

// query is the inverse of query.subject.
func (s subject) query() query {
	return query{peer: s.ip, local: s.from, oif: s.index, vrf: s.kind == routeOfVRF}
}
