package netlinkmon

import (
	"container/list"
	"fmt"
)

// target is a watched session. Its path is told at most once at a time: news
// hold the latest, however often it changed.
type target struct {
	id       uint32
	want     Target
	path     *Path      // as it is, nil before it was looked for
	sent     *Path      // as it was told, nil if never: the same one mostly, which saves memory
	looks    []*lookers // at what its path depends on
	vanished bool       // the interface that was told went; see vanish
	dirty    bool
	ended    bool // no longer watched
	queued   *list.Element
}

// tell queues a target that has news.
func (l *loop) tell(t *target) {
	if _, ok := t.pending(); ok && t.queued == nil {
		t.queued = l.news.PushBack(t)
	}
}

// pending returns what is to be told next.
func (t *target) pending() (*Path, bool) {
	if t.vanished {
		return &Path{
			Reason: fmt.Sprintf("interface %s is gone", t.sent.Interface),
			Peer:   t.want.Peer, NextHop: t.want.Peer, Local: t.want.Local, Interface: t.want.Interface,
		}, true
	}
	if t.path == nil {
		return nil, false
	}
	return t.path, t.sent == nil || *t.path != *t.sent
}

// take notes how the path is found to be.
func (t *target) take(p Path) {
	switch {
	case t.path != nil && p == *t.path:
	case t.sent != nil && p == *t.sent:
		t.path = t.sent
	default:
		t.path = &p
	}
}

// told notes what has been told.
func (t *target) told(p *Path) {
	t.vanished = false
	if t.sent = p; *p == *t.path {
		t.sent = t.path
	}
}

// next returns the oldest news and the channel to send them to, which is nil
// when there are none.
func (l *loop) next() (*target, Update, chan<- Update) {
	for e := l.news.Front(); e != nil; e = l.news.Front() {
		t := e.Value.(*target)
		if p, ok := t.pending(); ok {
			return t, Update{ID: t.id, Path: p}, l.updates
		}
		l.news.Remove(e)
		t.queued = nil
	}
	return nil, Update{}, nil
}
