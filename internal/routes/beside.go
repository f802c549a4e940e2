package routes

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// IPv4 has any number of routes with the same prefix, table and metric, and
// NLM_F_REPLACE takes the first of them, whoever's it is. Where others have put theirs
// beside ours it is changed in two steps instead: the new one goes behind all that stand
// there, and then the old one goes, which is the first of our protocol.

// beside is where others' IPv4 routes stand beside ours, as far as that is known.
type beside struct {
	mu       sync.Mutex
	places   map[Place]bool
	anywhere bool // some news of them were lost
	met      bool // what a former process has left was looked at
}

func (b *beside) note(o *Object) {
	if !o.Prefix.Addr().Is4() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.places == nil {
		b.places = make(map[Place]bool)
	}
	b.places[o.Place] = true
}

func (b *beside) noteAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.anywhere = true
}

func (b *beside) noted(p Place) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.anywhere || b.places[p]
}

// adopted takes in the first list of ours: nobody was there to see who has come since
// they were made.
func (k *netlink) adopted(list []Object) {
	if k.others.met {
		return
	}
	k.others.met = true
	for i := range list {
		if list[i].Route() {
			k.others.note(&list[i])
		}
	}
}

// beside tells whether an op replaces an IPv4 route of ours that may not be alone.
func (k *netlink) beside(op *Op) bool {
	o := op.Object
	return op.Verb == Replace && o.Route() && o.Prefix.Addr().Is4() &&
		k.others.noted(Place{Prefix: o.Prefix, Table: k.tableOf(o), Metric: o.Metric})
}

func (k *netlink) exchangeBeside(op *Op) error {
	if op.Err = k.knows(op); op.Err != nil {
		return nil
	}
	for _, verb := range []Verb{behind, Remove} {
		step := Op{Verb: verb, Object: op.Object}
		err := k.one(&step, func(seq uint32) { k.m.route(&step, seq, k.tableOf(op.Object), k.index) })
		if errors.Is(step.Err, unix.ESRCH) {
			step.Err = nil // the old one has gone already
		}
		if op.Err = step.Err; err != nil || op.Err != nil {
			return err
		}
	}
	return nil
}
