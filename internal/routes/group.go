package routes

import "fmt"

// A nexthop group is an object of the kernel that any number of routes lead to. When
// one of its gateways fails it is replaced, in one message, and so are all of those
// routes. A group cannot be empty: without a gateway it goes, and the kernel takes the
// routes with it.

// join gives routes their nexthop groups, and these their routes.
func (t *Table) join() {
	for _, it := range t.items {
		it.by, it.leads = nil, nil
	}
	for _, it := range t.items {
		if it.Group == 0 {
			continue
		}
		if it.by = t.places[Place{ID: it.Group}].of; it.by != nil {
			it.by.leads = append(it.by.leads, it)
		}
	}
}

// waits tells whether a route has to stay as it is until its nexthop group is there, so
// that there is no gap when it comes to lead to one. It does not wait for a group that
// cannot be had.
func (it *item) waits() bool {
	return it.by != nil && !it.by.has[plain].is && it.by.err == nil && it.by.want(plain, &Object{})
}

// take lets the routes of a nexthop group know that it has changed. Those of one that
// is gone the kernel has taken away.
func (t *Table) take(it *item, is bool) {
	for _, route := range it.leads {
		has := &route.has[plain]
		there := has.is && has.obj.Group == it.ID
		if there && !is {
			has.is = false
			route.changes++
			t.made++
			route.cause = it.cause
			t.changes = append(t.changes, Change{Verb: Remove, Object: has.obj.clone(), Cause: it.cause})
		}
		if !there || !is {
			route.err, route.tries, route.cause = nil, 0, it.cause
			t.mark(route)
		}
	}
}

// fault is why an item is not as it is to be; nil where it is.
func (it *item) fault() error {
	if it.err == nil && it.by != nil && it.by.err != nil && !it.by.has[plain].is && it.by.want(plain, &Object{}) {
		return fmt.Errorf("nexthop group %d is not there: %w", it.Group, it.by.err)
	}
	return it.err
}
