package netlinkmon

import (
	"container/list"
	"fmt"
	"maps"
)

// target is a watched session. Its path is told at most once at a time: news
// hold the latest, however often it changed.
type target struct {
	id       uint32
	want     Target
	path     *Path      // as it is, nil before it was looked for
	sent     *Path      // as it was told, nil if never: the same one mostly, which saves memory
	looks    []*lookers // at what its path depends on
	vanished vanished   // what the path that was told went by; see vanish
	dirty    bool
	ended    bool // no longer watched
	queued   *list.Element
}

// vanished says what went.
type vanished uint8

const (
	nothing vanished = iota
	itsInterface
	itsVRF
)

// tell queues a target that has news.
func (l *loop) tell(t *target) {
	if _, ok := t.pending(); ok && t.queued == nil {
		t.queued = l.news.PushBack(t)
	}
}

// pending returns what is to be told next.
func (t *target) pending() (*Path, bool) {
	if t.vanished != nothing {
		reason := fmt.Sprintf("interface %s is gone", t.sent.Interface)
		if t.vanished == itsVRF {
			reason = fmt.Sprintf("VRF %s is gone", t.sent.VRF)
		}
		return &Path{
			Reason: reason,
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
	t.vanished = nothing
	if t.sent = p; *p == *t.path {
		t.sent = t.path
	}
}

// told notes what next gave has been told.
func (l *loop) told(t *target, u Update) {
	if t == nil {
		l.vrfs = u.VRFs
		return
	}
	t.told(u.Path)
}

// next returns the oldest news, which is VRFs before paths, and the channel to send them to, which is nil
// when there are none.
func (l *loop) next() (*target, Update, chan<- Update) {
	if l.state.moved {
		if vrfs := l.state.vrfs(); !maps.Equal(vrfs, l.vrfs) {
			return nil, Update{VRFs: vrfs}, l.updates
		}
		l.state.moved = false
	}
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
