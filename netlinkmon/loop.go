package netlinkmon

import (
	"container/list"
	"log/slog"
	"slices"
	"time"
)

// loop is the one goroutine that owns everything behind a Monitor.
type loop struct {
	log      *slog.Logger
	feed     *feed
	kernel   *kernel
	state    *state
	deps     *dependencies
	neighs   *neighbours
	asks     *asker
	commands <-chan func()
	updates  chan<- Update
	quit     <-chan struct{}

	targets map[uint32]*target
	news    list.List            // of *target, those with something to tell, oldest first
	touched map[subject]struct{} // changed since targets were resolved
	dirty   []*target            // to be resolved again, each once
	hold    <-chan time.Time     // until when dirty targets wait
	routes  bool                 // connected routes are read and followed
	stale   bool                 // everything has to be read afresh
	retry   <-chan time.Time     // until when that waits
	looked  []subject            // scratch of resolve
	vrfs    map[int]int          // as told: see Update
}

const (
	// resolveInterval bounds the work of a storm of events: a target is
	// resolved once in that time, not once per event.
	resolveInterval = 5 * time.Millisecond
	resolveChunk    = 256 // targets between two looks at other work
	resyncInterval  = time.Second
)

var always = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (l *loop) run() {
	for {
		if l.stale && l.retry == nil {
			l.resync()
		}
		var work <-chan struct{}
		if l.unresolved() && l.hold == nil || l.asks.due(l.state) || !l.unresolved() && len(l.neighs.todo) > 0 {
			work = always
		}
		t, u, out := l.next()
		select {
		case <-l.quit:
			l.end()
			return
		case fn := <-l.commands:
			fn()
		case b := <-l.feed.batches:
			l.take(b)
		case out <- u:
			l.told(t, u)
		case <-l.hold:
			l.hold = nil
		case <-l.retry:
			l.retry = nil
		case <-l.neighs.tick:
			l.neighs.cooled()
		case <-l.asks.hold:
			l.asks.hold = nil
		case <-l.asks.refresh:
			l.asks.refresh = nil
			l.state.lookups.moveAll()
		case <-work:
			l.asks.work(l.state, l.touch)
			l.resolve()
			if !l.unresolved() { // until then it is open which neighbours are wanted
				l.neighs.work(l.state, l.deps, l.touch)
			}
		}
	}
}

func (l *loop) end() {
	for o := range l.deps.by.All() {
		if s := o.subject; s.kind == neighbour {
			l.neighs.release(neighKey{s.index, s.ip})
		}
	}
	for key := range l.neighs.queued {
		l.neighs.release(key)
	}
	l.feed.close()
	for range l.feed.batches { // until its reader is gone
	}
	l.kernel.close()
	close(l.updates)
}

func (l *loop) watch(id uint32, want Target) {
	l.unwatch(id)
	t := &target{id: id, want: want.normal()}
	l.targets[id] = t
	l.mark(t)
}

func (l *loop) unwatch(id uint32) {
	t := l.targets[id]
	if t == nil {
		return
	}
	if t.queued != nil {
		l.news.Remove(t.queued)
	}
	t.looks = l.deps.set(id, t.looks, nil, l.changed)
	delete(l.targets, id)
	t.ended = true
}

func (l *loop) doubt(id uint32) {
	t := l.targets[id]
	if t == nil {
		return
	}
	for _, at := range t.looks {
		if s := at.subject; s.kind == neighbour {
			l.neighs.doubt(neighKey{s.index, s.ip})
		}
	}
}

func (l *loop) setEchoSource(e EchoSource) {
	l.state.echo = e
	for _, t := range l.targets {
		l.mark(t)
	}
}

func (l *loop) mark(t *target) {
	if !t.dirty {
		t.dirty = true
		l.dirty = append(l.dirty, t)
	}
}

// touch notes that s changed. Which targets looked at it is asked once for all
// the events of a storm.
func (l *loop) touch(s subject) { l.touched[s] = struct{}{} }

func (l *loop) unresolved() bool { return len(l.touched) > 0 || len(l.dirty) > 0 }

// changed follows what targets look at: a neighbour that now is wanted or no
// longer is, a look-up that no longer is, connected routes for the first time.
func (l *loop) changed(s subject) {
	switch s.kind {
	case neighbour:
		l.neighs.lookNow(neighKey{s.index, s.ip})
	case byPrefix:
		if !l.routes && l.deps.wanted(s) {
			l.routes, l.stale = true, true
		}
	case route, routeOfVRF:
		if !l.deps.wanted(s) {
			delete(l.state.lookups.answers, s.query())
		}
	}
}

// resolve finds the paths of dirty targets, some at a time.
func (l *loop) resolve() {
	if l.hold != nil {
		return
	}
	if len(l.touched) > 0 {
		for s := range l.touched {
			l.deps.each(s, func(id uint32) { l.mark(l.targets[id]) })
		}
		l.touched = make(map[subject]struct{}) // a map that once was large stays slow to walk
	}
	count := min(len(l.dirty), resolveChunk)
	for _, t := range l.dirty[:count] {
		if t.dirty = false; !t.ended {
			l.resolveOne(t)
		}
	}
	l.dirty = slices.Delete(l.dirty, 0, count)
	if !l.unresolved() {
		l.hold = time.After(resolveInterval)
	}
}

func (l *loop) resolveOne(t *target) {
	look := func(s subject) {
		if !slices.Contains(l.looked, s) {
			l.looked = append(l.looked, s)
		}
	}
	var path Path
	for again := true; again; again = l.prefetch() {
		l.looked = l.looked[:0]
		path = l.state.resolve(t.want, look)
	}
	t.take(path)
	t.looks = l.deps.set(t.id, t.looks, l.looked, l.changed)
	l.tell(t)
}

// prefetch asks the kernel for the route or the neighbour that was looked at
// last, if nobody did before, so that a first answer is right at once where the
// kernel knows it. It also makes the state follow what was asked for. It says
// whether there is more to go by now.
func (l *loop) prefetch() (found bool) {
	if len(l.looked) == 0 {
		return false
	}
	switch s := l.looked[len(l.looked)-1]; s.kind {
	case neighbour:
		return l.prefetchNeighbour(neighKey{s.index, s.ip})
	case route, routeOfVRF:
		return l.prefetchRoute(s.query())
	}
	return false
}

func (l *loop) prefetchNeighbour(key neighKey) (found bool) {
	if _, known := l.state.neighs[key]; known {
		return false
	}
	entry, found, err := l.kernel.neigh(key)
	if err != nil {
		l.log.Debug("read neighbour", "peer", key.ip, "ifindex", key.index, "error", err)
	}
	l.state.neighs[key] = entry
	return found
}

// prefetchRoute asks after the changes of routes are followed, so that none
// falls in between.
func (l *loop) prefetchRoute(q query) (found bool) {
	if _, known := l.state.lookups.answers[q]; known {
		return false
	}
	if len(l.state.lookups.answers) == 0 {
		if err := l.feed.followRoutes(); err != nil {
			l.log.Warn("subscribe to routes, multihop paths change late", "error", err)
		}
	}
	l.state.lookups.answers[q] = l.asks.ask(q)
	return true
}
