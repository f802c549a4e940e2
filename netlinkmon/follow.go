package netlinkmon

import (
	"fmt"
	"time"
)

// take applies what the kernel reported.
func (l *loop) take(b batch) {
	if b.lost != nil {
		if !l.stale {
			l.log.Warn("network events were lost, reading everything afresh", "error", b.lost)
		}
		l.stale = true
		return
	}
	for _, e := range b.events {
		if e, ok := e.(linkEvent); ok && e.gone {
			l.vanish(e.index)
		}
		l.state.apply(e, l.touch)
		if e, ok := e.(neighEvent); ok {
			if n, watched := l.state.neighs[e.key]; watched && n.unattended() {
				l.neighs.look(e.key)
			}
		}
	}
}

// vanish sees to it that targets are told of the end of an interface or a VRF, even if
// another has taken its name, or even its index, before they are told: sockets
// on the old one are dead.
func (l *loop) vanish(index int) {
	for _, t := range l.targets {
		switch {
		case t.sent == nil:
			continue
		case t.sent.Ifindex == index:
			t.vanished = itsInterface
		case t.sent.VRFIndex == index:
			t.vanished = itsVRF
		default:
			continue
		}
		l.tell(t)
	}
}

// resync reads everything afresh, but not in a row.
func (l *loop) resync() {
	if err := l.load(); err != nil {
		l.log.Warn("read network state", "error", err)
	}
	l.retry = time.After(resyncInterval)
}

// load reads links, addresses and routes and has every neighbour looked at
// again. The subscription is older than what is read here, so that nothing
// falls in between.
func (l *loop) load() error {
	if l.routes {
		if err := l.feed.followRoutes(); err != nil {
			return fmt.Errorf("subscribe to routes: %w", err)
		}
	}
	fresh, err := l.kernel.dump(l.routes)
	if err != nil {
		return err
	}
	fresh.neighs, fresh.lookups, fresh.echo = l.state.neighs, l.state.lookups, l.state.echo
	fresh.found = l.state.found
	fresh.lookups.moveAll()
	for index := range l.state.links {
		if fresh.links[index] == nil {
			l.vanish(index)
		}
	}
	for key := range fresh.neighs {
		l.neighs.lookNow(key)
	}
	for _, t := range l.targets {
		l.mark(t)
	}
	fresh.moved = true
	l.state, l.stale = fresh, false
	return nil
}
