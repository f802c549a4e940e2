package netlinkmon

import (
	"slices"

	"github.com/xbfd/xbfd/internal/lookup"
)

// dependencies records which target's path looked at which subjects, so that
// an event costs as much as the paths it concerns, not as all of them.
type dependencies struct {
	by lookup.Table[subject, lookers]
}

// lookers are the targets that looked at a subject. Most subjects, the
// neighbours, have one, and there are thousands: a set is made for a second one.
type lookers struct {
	subject subject
	one     uint32              // the only one, while there is no set
	all     map[uint32]struct{} // nil: one
}

func newDependencies() *dependencies {
	return &dependencies{by: lookup.New(func(l *lookers) subject { return l.subject }, subject.hash)}
}

// set replaces what a target looked at, which the target keeps; no subjects remove
// it. It calls changed for every subject that only now is looked at, or no longer is.
func (d *dependencies) set(id uint32, old []*lookers, subjects []subject, changed func(subject)) (now []*lookers) {
	if slices.EqualFunc(old, subjects, func(l *lookers, s subject) bool { return l.subject == s }) {
		return old
	}
	for _, l := range old {
		if !slices.Contains(subjects, l.subject) && l.remove(id) {
			d.by.Delete(l.subject)
			changed(l.subject)
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	now = make([]*lookers, 0, len(subjects))
	for _, s := range subjects {
		l := d.by.Get(s)
		if l == nil {
			l = &lookers{subject: s, one: id}
			d.by.Put(l)
			changed(s)
		} else {
			l.add(id)
		}
		now = append(now, l)
	}
	return now
}

// wanted says whether any target looked at s.
func (d *dependencies) wanted(s subject) bool { return d.by.Get(s) != nil }

// each calls fn with the targets that looked at s.
func (d *dependencies) each(s subject, fn func(id uint32)) {
	l := d.by.Get(s)
	switch {
	case l == nil:
	case l.all == nil:
		fn(l.one)
	default:
		for id := range l.all {
			fn(id)
		}
	}
}

func (l *lookers) add(id uint32) {
	switch {
	case l.all != nil:
		l.all[id] = struct{}{}
	case l.one != id:
		l.all = map[uint32]struct{}{l.one: {}, id: {}}
	}
}

// remove reports whether it was the last one.
func (l *lookers) remove(id uint32) bool {
	delete(l.all, id)
	return len(l.all) == 0
}
