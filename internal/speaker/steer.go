package speaker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// tables tell the XDP programs whose frames to take: a *bpf.Tables.
type tables interface {
	SetPeer(p bpf.Peer) error
	DelPeer(ifindex int32, local, peer packet.Addr) error
	AddDiscr(discr uint32, lane int) error
	DelDiscr(discr uint32) error
}

// steering keeps the tables true to the sessions. A session may leave while
// another comes that has the same addresses: the one that came last says how
// their frames are treated.
type steering struct {
	tables tables // nil without XDP
	lane   func(discr uint32) int
	users  map[steerKey][]user
}

// steerKey names the frames of one peer.
type steerKey struct {
	ifindex     int32
	local, peer packet.Addr
}

// user is a session that asked for them.
type user struct {
	discr uint32
	peer  bpf.Peer
}

func keyOf(p bpf.Peer) steerKey { return steerKey{p.Ifindex, p.Local, p.Peer} }

// set asks for a session's frames, or for another treatment of them.
func (s *steering) set(discr uint32, p bpf.Peer) error {
	if s.tables == nil {
		return nil
	}
	users := s.users[keyOf(p)]
	at := slices.IndexFunc(users, func(u user) bool { return u.discr == discr })
	switch {
	case at >= 0 && users[at].peer == p:
		return nil
	case at < 0 || at == len(users)-1: // the last word is this session's
		if err := s.tables.SetPeer(p); err != nil {
			return fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err)
		}
	}
	if at >= 0 {
		users[at].peer = p
		return nil
	}
	s.users[keyOf(p)] = append(users, user{discr, p})
	if err := s.tables.AddDiscr(discr, s.lane(discr)); err != nil {
		return errors.Join(fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err), s.remove(discr, p))
	}
	return nil
}

// remove undoes set.
func (s *steering) remove(discr uint32, p bpf.Peer) error {
	if s.tables == nil {
		return nil
	}
	k := keyOf(p)
	err := s.tables.DelDiscr(discr)
	users := slices.DeleteFunc(s.users[k], func(u user) bool { return u.discr == discr })
	if len(users) > 0 {
		s.users[k] = users
		return errors.Join(err, s.tables.SetPeer(users[len(users)-1].peer))
	}
	delete(s.users, k)
	return errors.Join(err, s.tables.DelPeer(k.ifindex, k.local, k.peer))
}

// steerSpec is what of a session's specification decides about its frames.
type steerSpec struct {
	kind   session.Kind
	minTTL uint8
	loop   bool // the peer may have its Echo packets looped
}

func steerSpecOf(spec engine.Spec) steerSpec {
	w := steerSpec{kind: spec.Params.Kind}
	w.setMinTTL(spec.MinTTL)
	w.configure(spec.Params)
	return w
}

// configure takes changed parameters; a session keeps its kind.
func (w *steerSpec) configure(p session.Params) {
	w.loop = p.EchoRx != 0 && w.kind == session.SingleHop
}

func (w *steerSpec) setMinTTL(minTTL uint8) {
	if minTTL == 0 {
		minTTL = engine.DefaultMinTTL
	}
	w.minTTL = minTTL
}

// peer is how the tables are to have a session on this path. Frames of a
// multihop session may arrive on any interface.
func (w *steerSpec) peer(p engine.Path) bpf.Peer {
	if w.kind == session.Multihop {
		return bpf.Peer{Local: p.Local, Peer: p.Peer, MinTTL: w.minTTL, Multihop: true}
	}
	return bpf.Peer{Ifindex: p.Ifindex, Local: p.Local, Peer: p.Peer, Loop: w.loop}
}

// steered is peer for a session that others may be changing.
func (s *Speaker) steered(e *entry, p engine.Path) bpf.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.want.peer(p)
}

// restate changes what a session wants, and has the tables follow.
func (s *Speaker) restate(discr uint32, change func(*steerSpec)) {
	s.mu.Lock()
	e := s.sessions[discr]
	if e != nil {
		change(&e.want)
	}
	s.mu.Unlock()
	if e == nil {
		return
	}
	s.post(func() {
		if !e.set {
			return
		}
		p := s.steered(e, e.engine)
		if err := s.steering.set(discr, p); err != nil {
			s.log.Error("change XDP tables", "session", discr, "err", err)
			return
		}
		e.steered = p
	})
}
