package clients

import (
	"fmt"
	"net/netip"
	"slices"
	"unique"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/lookup"
	"github.com/xbfd/xbfd/packet"
)

// Key names a path: the one thing that several clients share a session for
// (RFC 5882 §2). Interface and Local are empty where the route decides.
type Key struct {
	Peer, Local    netip.Addr
	Interface, VRF string
	Multihop       bool
}

func (k Key) hash() lookup.Hash {
	return lookup.Hash(0).Addr(k.Peer.As16()).Addr(k.Local.As16()).Text(k.Interface).Text(k.VRF)
}

// Book is who wants which sessions. The zero Book is empty and ready for use.
type Book struct {
	paths lookup.Table[Key, shared]
	holds []*client // those a failure is held back from, the first due first
	made  uint64    // clients ever made: their order
}

// shared is the session of one path.
type shared struct {
	key     Key
	clients []*client   // in order of registration; never empty
	last    *Transition // the latest, never changed itself
	heard   bool        // the peer has shown that it speaks BFD
	wasUp   bool
}

// Action is what a change among the clients asks of the session.
type Action uint8

// The actions.
const (
	Nothing   Action = iota
	Create           // add a session that is as Change.Spec says
	Configure        // make it from Change.Was what Change.Spec says; nothing flaps
	Remove           // take it away
)

// Change is what the caller must do to the session, and how the client that
// registered sees it from the start. Where the engine refuses, Unregister or
// Register with the former Wish leaves the Book as it was.
type Change struct {
	Do   Action
	Was  engine.Spec // before; zero for Create
	Spec engine.Spec // from now on; zero for Remove
	View View        // Register only
}

// Register adds a client, or gives the one of that owner another wish. It fails
// with a *ConflictError where a wish that is there rules this one out, and for a
// wish that no session can meet; then nothing has changed.
func (b *Book) Register(key Key, owner string, w Wish) (Change, error) {
	w, err := w.check(key, owner)
	if err != nil {
		return Change{}, fmt.Errorf("register %q for peer %v: %w", owner, key.Peer, err)
	}
	s := b.paths.Get(key)
	if s != nil {
		if err := s.conflict(key, owner, w); err != nil {
			return Change{}, err
		}
	} else {
		s = &shared{key: key, last: created(w.Spec)}
		if b.paths.Len() == 0 {
			b.paths = lookup.New(func(s *shared) Key { return s.key }, Key.hash)
		}
		b.paths.Put(s)
	}
	was := merge(s.clients)
	c := s.client(owner)
	if c == nil {
		b.made++
		c = &client{of: s, owner: owner, order: b.made, told: s.last}
		s.clients = append(s.clients, c)
	}
	c.wish = unique.Make(w)
	if c.held != nil {
		b.hold(c, c.held.lost) // the hold-off may be another
	}
	change := s.changed(was)
	change.View = s.view(c)
	return change, nil
}

// Rename gives a path another key: the same in other words, as of one that leaves its
// interface to the route. Its clients and its session stay as they are. A key that is
// taken already changes nothing.
func (b *Book) Rename(key, now Key) {
	s := b.paths.Get(key)
	if s == nil || b.paths.Get(now) != nil {
		return
	}
	b.paths.Delete(key)
	s.key = now
	b.paths.Put(s)
}

// Unregister removes a client, and the session with its last one. An owner that
// has no client there changes nothing.
func (b *Book) Unregister(key Key, owner string) Change {
	s := b.paths.Get(key)
	if s == nil {
		return Change{}
	}
	was := merge(s.clients)
	c := s.client(owner)
	if c == nil {
		return Change{Was: was, Spec: was}
	}
	b.release(c)
	s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
	if len(s.clients) == 0 {
		b.paths.Delete(key)
		return Change{Do: Remove, Was: was}
	}
	return s.changed(was)
}

// Client is one client as it stands.
type Client struct {
	Owner string
	Wish  Wish
	View  View
}

// Clients returns the clients of a path in the order in which they registered.
func (b *Book) Clients(key Key) []Client {
	s := b.paths.Get(key)
	if s == nil {
		return nil
	}
	list := make([]Client, len(s.clients))
	for i, c := range s.clients {
		list[i] = Client{Owner: c.owner, Wish: c.wish.Value(), View: s.view(c)}
	}
	return list
}

// Spec returns what the clients of a path ask of the session together, and
// whether there are any.
func (b *Book) Spec(key Key) (engine.Spec, bool) {
	s := b.paths.Get(key)
	if s == nil {
		return engine.Spec{}, false
	}
	return merge(s.clients), true
}

func (s *shared) client(owner string) *client {
	for _, c := range s.clients {
		if c.owner == owner {
			return c
		}
	}
	return nil
}

// changed says what brings the session in line with its clients.
func (s *shared) changed(was engine.Spec) Change {
	change := Change{Was: was, Spec: merge(s.clients)}
	switch {
	case was == engine.Spec{}: // no wish makes such a session
		change.Do = Create
	case change.Spec != was:
		change.Do = Configure
	}
	return change
}

// How sessions begin, before anything has happened to them.
var (
	begunDown  = begun(packet.Down, packet.DiagNone)
	begunHeld  = begun(packet.Down, packet.DiagAdminDown) // unaffiliated
	begunAdmin = begun(packet.AdminDown, packet.DiagAdminDown)
)

func begun(s packet.State, d packet.Diag) *Transition {
	return &Transition{Change: engine.Change{From: s, To: s, Diag: d, Remote: packet.Down}}
}

func created(spec engine.Spec) *Transition {
	switch {
	case !spec.Params.AdminDown:
		return begunDown
	case spec.Params.Kind == session.Unaffiliated:
		return begunHeld
	}
	return begunAdmin
}
