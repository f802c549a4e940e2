package daemon

import (
	"context"
	"slices"
	"sync"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/control"
)

// listChunk is how many sessions a list has in memory at a time.
const listChunk = 32

// Sessions returns the sessions that match.
func (d *Daemon) Sessions(ctx context.Context, f control.Filter) (list []control.Session, err error) {
	err = d.EachSession(ctx, f, func(s *control.Session) error {
		list = append(list, *s)
		return nil
	})
	return list, err
}

// listing is what making a list takes, for the next one to use again.
type listing struct {
	discrs   [listChunk]uint32
	statuses [listChunk]engine.Status
	session  control.Session // one for all: nobody keeps it
}

var listings = sync.Pool{New: func() any { return new(listing) }}

// EachSession calls fn with the sessions that match, one after the other, in
// their order. A session that leaves meanwhile is left out.
func (d *Daemon) EachSession(ctx context.Context, f control.Filter, fn func(*control.Session) error) error {
	places, waiting := d.places(f)
	l := listings.Get().(*listing)
	for chunk := range slices.Chunk(places, listChunk) {
		for i := range chunk {
			l.discrs[i] = chunk[i].ID
		}
		if err := d.speaker.Engine().StatusesOf(ctx, l.discrs[:len(chunk)], l.statuses[:len(chunk)]); err != nil {
			return err // the listing is lost: a worker may still write to it
		}
		for i := range chunk {
			var ok bool
			if chunk[i].ID != 0 {
				l.session, ok = d.describe(&l.statuses[i])
			} else {
				l.session, ok = waiting[chunk[i]]
			}
			if !ok || !f.Match(&l.session) {
				continue
			}
			if err := fn(&l.session); err != nil {
				return err
			}
		}
	}
	listings.Put(l)
	return nil
}

// places returns where the sessions stand in a list that may match, and those of
// them that do not run at all.
func (d *Daemon) places(f control.Filter) (places []control.Place, waiting map[control.Place]control.Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !f.Peer.IsValid() {
		places = make([]control.Place, 0, d.byKey.Len()+len(d.refused))
	}
	for h := range d.byKey.All() {
		if f.Peer.IsValid() && f.Peer != h.peer.Peer {
			continue
		}
		p := control.Place{Peer: h.peer.Peer, Local: h.peer.Local, Interface: h.peer.Interface, VRF: h.peer.VRF, ID: h.discr}
		if local, ifname := d.speaker.Where(h.discr); local.IsValid() {
			p.Local, p.Interface = local, ifname
		}
		places = append(places, p)
	}
	for _, s := range d.refusedSessions(f) {
		if waiting == nil {
			waiting = make(map[control.Place]control.Session)
		}
		p := control.PlaceOf(&s)
		waiting[p] = s
		places = append(places, p)
	}
	slices.SortFunc(places, control.Place.Compare)
	return places, waiting
}
