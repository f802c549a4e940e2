package routes

import (
	"github.com/xbfd/xbfd/engine/session"
)

// Standing is how a route or an address is.
type Standing string

// The standings.
const (
	Installed Standing = "installed"
	Raised    Standing = "raised"  // with the higher metric
	Absent    Standing = "absent"  // as it is to be
	Refused   Standing = "refused" // not as it is to be: Status.Err says why
)

// Status is one route or address as it stands.
type Status struct {
	Spec
	Standing Standing
	Members  []MemberStatus // as in Spec
	Err      error          // of the latest attempt to change it; nil if that worked
	Tries    int            // that failed in a row
	RetryIn  int64          // ns until the next one; 0 without
	Changes  uint64         // since the start of the process
	Adopted  bool           // a former process left it, and no session has confirmed it yet
}

// MemberStatus is one gateway or peer.
type MemberStatus struct {
	State   State
	Used    bool  // the route leads there, or the address may count on it
	Holding int64 // ns until it is used again; 0: it is not held back
}

// Totals are the counters of a Table.
type Totals struct {
	Total, Installed, Raised, Absent, Refused int

	Changes, Errors, Retries uint64
}

// Statuses returns how everything stands, in the order of Set.
func (t *Table) Statuses(now session.Time) []Status {
	list := make([]Status, len(t.items))
	for i, it := range t.items {
		s := Status{Spec: it.Spec, Standing: it.standing(), Err: it.fault(), Tries: it.tries, Changes: it.changes}
		if it.err != nil {
			s.RetryIn = max(int64(it.retryAt-now), 0)
		}
		for j := range it.members {
			m := &it.members[j]
			used := m.usable || m.failed && it.has[raised].is && !it.has[plain].is
			one := MemberStatus{State: m.state, Used: used}
			if m.due != 0 && !m.adopted {
				one.Holding = max(int64(m.due-now), 0)
			}
			s.Adopted = s.Adopted || m.adopted
			s.Members = append(s.Members, one)
		}
		list[i] = s
	}
	return list
}

func (it *item) standing() Standing {
	switch {
	case it.fault() != nil:
		return Refused
	case it.has[plain].is:
		return Installed
	case it.has[raised].is:
		return Raised
	}
	return Absent
}

// Totals returns the counters.
func (t *Table) Totals() Totals {
	n := Totals{Total: len(t.items), Changes: t.made, Errors: t.errors, Retries: t.retries}
	for _, it := range t.items {
		switch it.standing() {
		case Installed:
			n.Installed++
		case Raised:
			n.Raised++
		case Absent:
			n.Absent++
		case Refused:
			n.Refused++
		}
	}
	return n
}
