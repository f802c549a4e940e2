package clients

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Key names a path: the one thing that several clients share a session for
// (RFC 5882 §2). Interface and Local are empty where the route decides.
type Key struct {
	Peer, Local    netip.Addr
	Interface, VRF string
	Multihop       bool
}

// Book is who wants which sessions. The zero Book is empty and ready for use.
type Book struct {
	paths map[Key]*shared
	holds []*client // those a failure is held back from, the first due first
	made  uint64    // clients ever made: their order
}

// shared is the session of one path.
type shared struct {
	key     Key
	spec    engine.Spec // merged
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
	s := b.paths[key]
	if s != nil {
		if err := s.conflict(key, owner, w); err != nil {
			return Change{}, err
		}
	} else {
		s = &shared{key: key, last: created(w.Spec)}
		if b.paths == nil {
			b.paths = make(map[Key]*shared)
		}
		b.paths[key] = s
	}
	c := s.client(owner)
	if c == nil {
		b.made++
		c = &client{of: s, owner: owner, order: b.made, told: s.last}
		s.clients = append(s.clients, c)
	}
	c.wish = w
	if c.held != nil {
		b.hold(c, c.held.lost) // the hold-off may be another
	}
	change := s.merge()
	change.View = s.view(c)
	return change, nil
}

// Unregister removes a client, and the session with its last one. An owner that
// has no client there changes nothing.
func (b *Book) Unregister(key Key, owner string) Change {
	s := b.paths[key]
	if s == nil {
		return Change{}
	}
	c := s.client(owner)
	if c == nil {
		return Change{Was: s.spec, Spec: s.spec}
	}
	b.release(c)
	s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
	if len(s.clients) == 0 {
		delete(b.paths, key)
		return Change{Do: Remove, Was: s.spec}
	}
	return s.merge()
}

// Client is one client as it stands.
type Client struct {
	Owner string
	Wish  Wish
	View  View
}

// Clients returns the clients of a path in the order in which they registered.
func (b *Book) Clients(key Key) []Client {
	s := b.paths[key]
	if s == nil {
		return nil
	}
	list := make([]Client, len(s.clients))
	for i, c := range s.clients {
		list[i] = Client{Owner: c.owner, Wish: c.wish, View: s.view(c)}
	}
	return list
}

// Spec returns what the clients of a path ask of the session together, and
// whether there are any.
func (b *Book) Spec(key Key) (engine.Spec, bool) {
	s := b.paths[key]
	if s == nil {
		return engine.Spec{}, false
	}
	return s.spec, true
}

func (s *shared) client(owner string) *client {
	for _, c := range s.clients {
		if c.owner == owner {
			return c
		}
	}
	return nil
}

// merge brings the session in line with its clients.
func (s *shared) merge() Change {
	change := Change{Was: s.spec, Spec: merge(s.clients)}
	switch {
	case s.spec == engine.Spec{}: // no wish makes such a session
		change.Do = Create
	case change.Spec != s.spec:
		change.Do = Configure
	}
	s.spec = change.Spec
	return change
}

// created is how a session begins, before anything has happened to it.
func created(spec engine.Spec) *Transition {
	t := &Transition{Change: engine.Change{From: packet.Down, To: packet.Down, Remote: packet.Down}}
	if spec.Params.AdminDown {
		t.Diag = packet.DiagAdminDown
		if spec.Params.Kind != session.Unaffiliated {
			t.From, t.To = packet.AdminDown, packet.AdminDown
		}
	}
	return t
}
