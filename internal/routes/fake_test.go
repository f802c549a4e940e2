package routes

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
)

// world is a Table, a kernel that is a map, and the time.
type world struct {
	t       testing.TB
	table   Table
	now     session.Time
	ours    map[Place]Object
	others  map[Place]bool
	refuse  map[Place]unix.Errno
	history []string
}

func newWorld(t testing.TB) *world {
	return &world{t: t, now: session.Time(time.Hour), ours: map[Place]Object{}, others: map[Place]bool{}, refuse: map[Place]unix.Errno{}}
}

// apply is what the kernel does.
func (w *world) apply(op *Op) error {
	place := op.Object.Place
	_, here := w.ours[place]
	switch {
	case w.refuse[place] != 0:
		return &Refusal{Errno: w.refuse[place]}
	case op.Verb == Add && (here || w.others[place]):
		return &Refusal{Errno: unix.EEXIST}
	case op.Verb == Replace && !here:
		if w.others[place] {
			w.t.Errorf("replaces what is not ours: %v", op.Object)
		}
		return &Refusal{Errno: unix.ENOENT}
	case op.Verb == Remove && !here:
		return &Refusal{Errno: unix.ESRCH}
	case op.Verb == Remove:
		delete(w.ours, place)
		for p, o := range w.ours { // routes go with their group
			if place.ID != 0 && o.Group == place.ID {
				delete(w.ours, p)
			}
		}
	case op.Object.Group != 0 && w.ours[Place{ID: op.Object.Group}].ID == 0:
		return &Refusal{Errno: unix.EINVAL}
	default:
		w.ours[place] = op.Object.clone()
	}
	w.history = append(w.history, op.Verb.String()+" "+op.Object.Describe())
	return nil
}

// settle carries out what the table plans.
func (w *world) settle() {
	w.t.Helper()
	for i := 0; ; i++ {
		ops := w.table.Plan(w.now)
		if len(ops) == 0 {
			return
		}
		if i == 10 {
			w.t.Fatalf("the table is never done: %+v", ops)
		}
		for j := range ops {
			ops[j].Err = w.apply(&ops[j])
		}
		w.table.Done(ops, w.now)
	}
}

// set asks for specs, with the states as the table had them.
func (w *world) set(specs ...Spec) {
	w.t.Helper()
	var told []Told
	for k, s := range w.table.states {
		told = append(told, Told{Session: k, State: s})
	}
	w.table.Set(specs, told, w.now)
	w.look()
}

// look shows the table what the kernel has.
func (w *world) look() {
	w.t.Helper()
	var list []Object
	for _, o := range w.ours {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b Object) int { return strings.Compare(a.Describe(), b.Describe()) })
	w.table.Found(list, w.now)
	w.settle()
}

func (w *world) tell(peer string, s State) {
	w.t.Helper()
	w.table.Observe([]Told{{Session: key(peer), State: s, At: w.now}}, w.now)
	w.settle()
}

// pass lets time go by, as far as something is due at each deadline.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.now + session.Time(d)
	for i := 0; w.table.Deadline() <= end; i++ {
		if i == 1000 {
			w.t.Fatal("something is due all the time")
		}
		w.now = max(w.now, w.table.Deadline())
		w.table.Expire(w.now)
		w.settle()
	}
	w.now = end
	w.table.Expire(w.now)
	w.settle()
}

// stands checks what there is of ours, in words.
func (w *world) stands(when string, want ...string) {
	w.t.Helper()
	var got []string
	for _, o := range w.ours {
		got = append(got, o.Describe())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: there are %q, want %q", when, got, want)
	}
}

// did checks what was done since it was asked last.
func (w *world) did(when string, want ...string) {
	w.t.Helper()
	if !slices.Equal(w.history, want) {
		w.t.Errorf("%s: done was %q, want %q", when, w.history, want)
	}
	w.history = nil
}

func key(peer string) clients.Key { return clients.Key{Peer: netip.MustParseAddr(peer)} }

func to(gateway string) Member {
	return Member{Session: key(gateway), Hop: Hop{Gateway: netip.MustParseAddr(gateway)}}
}

// route is one to a prefix by gateways, each with a session of its own.
func route(prefix string, more func(*Spec), gateways ...string) Spec {
	s := Spec{Prefix: netip.MustParsePrefix(prefix), Table: MainTable, Metric: 20}
	for _, g := range gateways {
		s.Members = append(s.Members, to(g))
	}
	if more != nil {
		more(&s)
	}
	return s
}
