package routes

import (
	"slices"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
)

// Table says what is to stand in the kernel and how to get there. The zero Table is
// empty. It is owned by one goroutine, or by whoever holds the lock that guards it.
type Table struct {
	items   []*item
	places  map[Place]seat
	users   map[clients.Key][]user
	states  map[clients.Key]State
	orphans []stray // ours, and asked for no more
	met     bool    // the kernel has been looked at
	frozen  bool

	dirty   []*item // what has to be planned
	changes []Change

	ops   []Op // of the latest Plan; used again, as are the objects they want
	wants []Object

	made, errors, retries uint64 // changes that were made, that failed, and that worked after one had
}

// seat is one place of an item.
type seat struct {
	of   *item
	slot int
}

// user is a member that depends on a session.
type user struct {
	of *item
	at int
}

// stray is something of ours that nobody asks for.
type stray struct {
	obj     Object
	retryAt session.Time
	tries   int
}

// Set asks for specs and for nothing else, from now on. What stays as it is keeps
// its state, and its place in the kernel is not touched. states are those of the
// sessions that the specs depend on, as far as they are known.
func (t *Table) Set(specs []Spec, states []Told, now session.Time) {
	before := t.places
	t.places = make(map[Place]seat, len(specs))
	t.users = make(map[clients.Key][]user)
	t.states = make(map[clients.Key]State, len(states))
	for _, s := range states {
		t.states[s.Session] = s.State
	}
	old := t.items
	t.items = make([]*item, 0, len(specs))
	for _, s := range specs {
		it := t.settle(s, before)
		t.items = append(t.items, it)
		for i, m := range it.Members {
			t.users[m.Session] = append(t.users[m.Session], user{it, i})
			it.hear(i, t.states[m.Session], now)
		}
		t.mark(it)
	}
	t.join()
	for _, it := range old {
		for slot := range it.has {
			if s := t.places[it.has[slot].obj.Place]; it.has[slot].is && s.of == nil {
				t.orphans = append(t.orphans, stray{obj: it.has[slot].obj})
			}
		}
	}
	t.dirty = slices.DeleteFunc(t.dirty, func(it *item) bool { return t.places[it.Place()].of != it })
}

// settle returns the item of a spec: the one that there is, if it asks for the same.
func (t *Table) settle(s Spec, before map[Place]seat) *item {
	was, there := before[s.Place()]
	there = there && was.slot == plain
	if there && was.of.Same(&s) {
		t.seat(was.of)
		return was.of
	}
	it := newItem(s)
	if there {
		it.inherit(was.of)
	}
	for slot := range it.has {
		if slot == raised && it.Raise == 0 {
			continue
		}
		place := it.has[slot].obj.Place
		if b, taken := before[place]; taken && b.of.has[b.slot].is {
			it.has[slot] = b.of.has[b.slot]
		} else if i := slices.IndexFunc(t.orphans, func(o stray) bool { return o.obj.Place == place }); i >= 0 {
			it.has[slot] = stand{true, t.orphans[i].obj}
			t.orphans = slices.Delete(t.orphans, i, i+1)
		}
	}
	t.seat(it)
	return it
}

func (t *Table) seat(it *item) {
	t.places[it.Place()] = seat{it, plain}
	if it.Raise != 0 {
		t.places[it.raised()] = seat{it, raised}
	}
}

func (t *Table) mark(it *item) {
	if !it.queued {
		it.queued = true
		t.dirty = append(t.dirty, it)
	}
	if !it.has[plain].is {
		for _, route := range it.leads { // they may wait for it no longer
			t.mark(route)
		}
	}
}

// Observe takes in what became of sessions.
func (t *Table) Observe(told []Told, now session.Time) {
	for _, s := range told {
		users := t.users[s.Session]
		if users == nil {
			continue
		}
		t.states[s.Session] = s.State
		for _, u := range users {
			if u.of.hear(u.at, s.State, now) {
				u.of.cause, u.of.retryAt = s, 0
				t.mark(u.of)
			}
		}
	}
}

// Expire does what is due.
func (t *Table) Expire(now session.Time) {
	for _, it := range t.items {
		if it.expire(now) || it.err != nil && it.retryAt <= now {
			t.mark(it)
		}
	}
}

// Deadline returns when Expire wants to be called: session.Never if not at all.
func (t *Table) Deadline() session.Time {
	at := session.Never
	for _, it := range t.items {
		at = min(at, it.deadline())
	}
	for i := range t.orphans {
		if t.orphans[i].tries > 0 {
			at = min(at, t.orphans[i].retryAt)
		}
	}
	return at
}

// Found takes in what there is of ours in the kernel, all of it.
func (t *Table) Found(objects []Object, now session.Time) {
	had := make(map[seat]bool)
	for _, it := range t.items {
		for slot := range it.has {
			if it.has[slot].is {
				had[seat{it, slot}] = true
			}
			it.has[slot].is = false
		}
		t.mark(it)
	}
	t.orphans = t.orphans[:0]
	for _, o := range objects {
		s := t.seatOf(&o)
		if s.of == nil {
			t.orphans = append(t.orphans, stray{obj: o})
			continue
		}
		s.of.has[s.slot] = stand{true, o}
		delete(had, s)
	}
	for s := range had {
		s.of.robbed(now)
	}
	if !t.met {
		t.met = true
		for _, it := range t.items {
			it.adopt(now)
		}
	}
}

// seatOf returns the seat of what there is in the kernel, which lists routes by the
// numbers of tables. What is asked for in a VRF gets its place by the VRF.
func (t *Table) seatOf(o *Object) seat {
	s := t.places[o.Place]
	if s.of == nil && o.vrf != "" {
		in := o.Place
		in.VRF, in.Table = o.vrf, 0
		if s = t.places[in]; s.of != nil {
			o.Place = in
		}
	}
	return s
}

// Retry makes what has failed be tried at once, since what stood against it may be
// gone. With links, interfaces or their addresses have changed: that takes routes
// away, too, so nobody else is to blame.
func (t *Table) Retry(links bool) {
	for _, it := range t.items {
		if links {
			it.gone, it.lost = 0, 0
		}
		if it.err != nil && (links || it.err != errRobbed) {
			it.retryAt = 0
			t.mark(it)
		}
	}
}

// Freeze makes the table want what is to stay when the daemon has ended, and hear
// nothing any more.
func (t *Table) Freeze() {
	t.frozen = true
	for _, it := range t.items {
		it.retryAt = 0
		t.mark(it)
	}
}
