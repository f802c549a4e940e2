package netlinkmon

import "slices"

// dependencies records which target's path looked at which subjects, so that
// an event costs as much as the paths it concerns, not as all of them.
type dependencies struct {
	by map[subject]map[uint32]struct{}
	of map[uint32][]subject
}

func newDependencies() *dependencies {
	return &dependencies{by: make(map[subject]map[uint32]struct{}), of: make(map[uint32][]subject)}
}

// set replaces the subjects of a target; none removes it. It calls changed for
// every subject that only now is looked at, or no longer is.
func (d *dependencies) set(id uint32, subjects []subject, changed func(subject)) {
	old := d.of[id]
	if slices.Equal(old, subjects) {
		return
	}
	for _, s := range old {
		if !slices.Contains(subjects, s) {
			delete(d.by[s], id)
			if len(d.by[s]) == 0 {
				delete(d.by, s)
				changed(s)
			}
		}
	}
	for _, s := range subjects {
		if ids := d.by[s]; ids != nil {
			ids[id] = struct{}{}
			continue
		}
		d.by[s] = map[uint32]struct{}{id: {}}
		changed(s)
	}
	if len(subjects) == 0 {
		delete(d.of, id)
		return
	}
	d.of[id] = slices.Clone(subjects)
}

// wanted says whether any target looked at s.
func (d *dependencies) wanted(s subject) bool { return len(d.by[s]) > 0 }
