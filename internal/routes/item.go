package routes

import (
	"slices"

	"github.com/xbfd/xbfd/engine/session"
)

// adoptFor is how long what a former process has left stays while its sessions have
// not come up yet: three of the slowest handshakes (RFC 5880 §6.8.3), with room.
const adoptFor = session.Time(10 * session.Second)

// item is a Spec and how it stands.
type item struct {
	Spec
	members []member
	has     [2]stand // what the kernel has of it: as asked for, and with the metric raised
	queued  bool     // in Table.dirty

	err     error // of the latest attempt
	tries   int   // that failed in a row
	retryAt session.Time
	gone    session.Time // when somebody else removed it last; 0: never
	lost    int          // how often in a row

	cause   Told // what made it change last
	changes uint64

	by    *item   // of a route that leads to a nexthop group: that group
	leads []*item // of a nexthop group: the routes that lead to it
}

// The two places of an item.
const (
	plain = iota
	raised
)

// stand is one of its places.
type stand struct {
	is  bool
	obj Object // Place always
}

// member is one gateway or peer.
type member struct {
	state   State
	usable  bool
	failed  bool
	adopted bool         // usable or failed because a former process left it so
	due     session.Time // when a hold or an adoption ends; 0: none
}

func newItem(s Spec) *item {
	it := &item{Spec: s, members: make([]member, len(s.Members))}
	it.has[plain].obj.Place, it.has[raised].obj.Place = s.Place(), s.raised()
	for i := range it.members {
		it.members[i].usable = s.Present
	}
	return it
}

// hear takes in the state of a session, and reports whether that means anything.
func (it *item) hear(i int, s State, now session.Time) bool {
	m := &it.members[i]
	before := *m
	m.state = s
	switch {
	case s == Up && m.failed && it.Hold > 0 && !m.adopted:
		if m.due == 0 {
			m.due = now + session.Time(it.Hold)
		}
	case s == Up:
		*m = member{state: s, usable: true}
	case s == Down, s == Admin && it.AdminFails:
		*m = member{state: s, failed: true}
	case !m.adopted:
		m.due = 0 // a hold that was interrupted
	}
	return *m != before
}

// expire ends what is due, and reports whether something was.
func (it *item) expire(now session.Time) (ended bool) {
	for i := range it.members {
		m := &it.members[i]
		if m.due == 0 || m.due > now {
			continue
		}
		// An adoption that no session has confirmed ends where a start would begin.
		*m = member{state: m.state, usable: !m.adopted || it.Present}
		ended = true
	}
	return ended
}

// adopt begins with what a former process has left.
func (it *item) adopt(now session.Time) {
	for slot := range it.has {
		if !it.has[slot].is {
			continue
		}
		for i := range it.members {
			m, hop := &it.members[i], it.Members[i].Hop
			left := it.Interface != "" || slices.ContainsFunc(it.has[slot].obj.Hops, func(k Hop) bool { return hop.is(k, false) })
			if left && m.state == Unknown {
				*m = member{usable: slot == plain, failed: slot == raised, adopted: true, due: now + adoptFor}
			}
		}
	}
}

// inherit takes over how the members stood that an item had before.
func (it *item) inherit(old *item) {
	for i := range it.members {
		if j := slices.Index(old.Members, it.Members[i]); j >= 0 {
			it.members[i] = old.members[j]
		}
	}
	it.changes = old.changes
}

// want writes into obj what is to stand in a place, and reports whether anything is.
func (it *item) want(slot int, obj *Object) bool {
	obj.Place, obj.Source, obj.Group, obj.Hops = it.has[slot].obj.Place, it.Source, it.Group, obj.Hops[:0]
	if it.Group != 0 {
		return slot == plain && it.by != nil && it.by.has[plain].is
	}
	usable, failed := 0, 0
	for i := range it.members {
		switch {
		case it.members[i].usable:
			usable++
		case it.members[i].failed:
			failed++
		}
	}
	take := func(m *member) bool { return m.usable }
	switch {
	case it.Interface != "":
		return slot == plain && (usable == len(it.members) || usable > 0 && !it.All)
	case slot == plain && usable == 0, slot == raised && (usable > 0 || failed == 0 || it.Raise == 0):
		return false
	case slot == raised:
		take = func(m *member) bool { return m.failed }
	}
	for i := range it.members {
		if hop := it.Members[i].Hop; take(&it.members[i]) && !slices.Contains(obj.Hops, hop) {
			obj.Hops = append(obj.Hops, hop)
		}
	}
	return true
}

// deadline returns when something is due; session.Never for nothing.
func (it *item) deadline() session.Time {
	at := session.Never
	if it.err != nil {
		at = it.retryAt
	}
	for i := range it.members {
		if due := it.members[i].due; due != 0 {
			at = min(at, due)
		}
	}
	return at
}
