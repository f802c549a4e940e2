package routes

import (
	"net/netip"
	"testing"
	"time"
)

// group is a nexthop group of gateways, each with a session of its own.
func group(id uint32, more func(*Spec), gateways ...string) Spec {
	s := route("198.51.100.0/24", more, gateways...)
	s.Prefix, s.Table, s.Metric, s.ID = netip.Prefix{}, 0, 0, id
	for i := range s.Members {
		s.Members[i].Interface = "eth0"
	}
	return s
}

// by is a route that leads to a group.
func by(prefix string, id uint32) Spec { return route(prefix, func(s *Spec) { s.Group = id }) }

const (
	groupA  = "nexthop group 7 via 192.0.2.1%eth0"
	groupB  = "nexthop group 7 via 192.0.2.2%eth0"
	groupAB = "nexthop group 7 via 192.0.2.1%eth0 and 192.0.2.2%eth0"
	by7     = "198.51.100.0/24 by nexthop group 7 metric 20"
	also7   = "203.0.113.0/24 by nexthop group 7 metric 20"
)

// A gateway that fails is taken out of the group, once for all routes; without one the
// group goes, and they with it.
func TestGroup(t *testing.T) {
	w := newWorld(t)
	w.set(by(dst, 7), by("203.0.113.0/24", 7), group(7, nil, a, b)) // in any order
	w.did("nothing is up")
	w.tell(a, Up)
	w.did("one is up", "added "+groupA, "added "+by7, "added "+also7)
	w.tell(b, Up)
	w.did("both are", "changed "+groupAB)
	w.tell(a, Down)
	w.did("one fails", "changed "+groupB)
	w.table.Take()
	w.tell(b, Down)
	w.did("both have failed", "removed "+groupB)
	w.stands("both have failed")
	var told []string
	for _, c := range w.table.Take() {
		told = append(told, c.Verb.String()+" "+c.Object.Describe())
		if c.Cause.Session != key(b) {
			t.Errorf("%s for %+v", c.Object.Describe(), c.Cause)
		}
	}
	if len(told) != 3 || told[1] != "removed "+by7 || told[2] != "removed "+also7 {
		t.Errorf("told of %q", told)
	}
	w.tell(b, Up)
	w.did("one is back", "added "+groupB, "added "+by7, "added "+also7)
	if n := w.table.Totals(); n.Installed != 3 || n.Errors != 0 {
		t.Errorf("%+v", n)
	}
}

// A route that comes to lead to a group stays as it is until that is there, and one
// that stops has its own gateways before the group goes.
func TestGroupAtReload(t *testing.T) {
	w := newWorld(t)
	w.set(route(dst, nil, a))
	w.tell(a, Up)
	w.did("by a gateway", "added "+viaA)
	w.set(by(dst, 7), group(7, nil, b))
	w.did("the group's gateway is not up", "removed "+viaA)
	w.tell(b, Up)
	w.set(route(dst, nil, a))
	w.tell(a, Up)
	w.history = nil
	w.set(by(dst, 7), group(7, nil, a, b))
	w.did("to a group", "added "+groupAB, "changed "+by7)
	w.set(by(dst, 7), group(7, nil, b))
	w.did("the group has one less", "changed "+groupB)
	w.set(route(dst, nil, b))
	w.did("from the group", "changed "+viaB, "removed "+groupB)
	w.set(by(dst, 7), group(7, nil, b))
	w.set(group(7, nil, b))
	w.stands("a group without a route of ours", groupB)
	w.set()
	w.stands("nothing is asked for")
}

// Somebody else's nexthop has the group's id: routes never lead there.
func TestForeignGroup(t *testing.T) {
	w := newWorld(t)
	g := group(7, nil, a)
	w.others[g.Place()] = true
	w.set(g, by(dst, 7))
	w.tell(a, Up)
	w.stands("the id is taken")
	for i, s := range w.table.Statuses(w.now) {
		if s.Standing != Refused || s.Err == nil {
			t.Errorf("%d: %+v", i, s)
		}
	}
	w.pass(time.Minute)
	if n := w.table.Totals(); n.Refused != 2 || n.Errors > 15 {
		t.Errorf("%+v", n)
	}
	delete(w.others, g.Place())
	w.table.Retry(false)
	w.settle()
	w.stands("it has gone", groupA, by7)
}

// Somebody removes the group: it is put back, and so are the routes that went with it.
func TestGroupRemovedByOthers(t *testing.T) {
	w := newWorld(t)
	w.set(group(7, nil, a), by(dst, 7))
	w.tell(a, Up)
	clear(w.ours)
	w.history = nil
	w.look()
	w.did("removed", "added "+groupA, "added "+by7)
	clear(w.ours)
	w.look()
	w.stands("removed again at once")
	w.pass(time.Second)
	w.stands("a little later", groupA, by7)
}

// What a killed daemon has left, and what stays when one ends.
func TestGroupLeft(t *testing.T) {
	w := newWorld(t)
	g := group(7, nil, a, b)
	w.ours[g.Place()] = Object{Place: g.Place(), Hops: []Hop{g.Members[0].Hop}}
	r := by(dst, 7)
	w.ours[r.Place()] = Object{Place: r.Place(), Group: 7}
	stray := group(8, nil, a)
	w.ours[stray.Place()] = Object{Place: stray.Place()}
	w.set(g, r)
	w.did("at the start", "removed nexthop group 8")
	if s := w.table.Statuses(w.now); !s[0].Adopted || s[0].Standing != Installed || s[1].Standing != Installed {
		t.Errorf("%+v", s)
	}
	w.tell(a, Up)
	w.tell(b, Up)
	w.did("both are up", "changed "+groupAB)
	w.table.Freeze()
	w.settle()
	w.stands("at the end", groupAB, by7)

	w.set(group(7, func(s *Spec) { s.Withdraw = true }, a, b), r)
	w.settle()
	w.stands("at the end of one that is withdrawn")
}
