package speaker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/netlinkmon"
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
	tables  tables // nil without XDP
	lane    func(discr uint32) int
	users   map[steerKey]user   // those that came last
	earlier map[steerKey][]user // the others, of which there are few; none is not kept
}

// steerKey names the frames of one peer.
type steerKey struct {
	ifindex     int32
	local, peer packet.Addr
}

// user is a session that asked for them, and how: what a bpf.Peer has besides the
// key.
type user struct {
	discr          uint32
	minTTL         uint8
	loop, multihop bool
}

func keyOf(p bpf.Peer) steerKey { return steerKey{p.Ifindex, p.Local, p.Peer} }

func (u user) peer(k steerKey) bpf.Peer {
	return bpf.Peer{Ifindex: k.ifindex, Local: k.local, Peer: k.peer, MinTTL: u.minTTL, Loop: u.loop, Multihop: u.multihop}
}

// set asks for a session's frames, or for another treatment of them.
func (s *steering) set(discr uint32, p bpf.Peer) error {
	if s.tables == nil {
		return nil
	}
	k, u := keyOf(p), user{discr, p.MinTTL, p.Loop, p.Multihop}
	last, exists := s.users[k]
	if exists && last == u {
		return nil
	}
	if at := slices.IndexFunc(s.earlier[k], u.same); at >= 0 { // the last word is another's
		s.earlier[k][at] = u
		return nil
	}
	if err := s.tables.SetPeer(p); err != nil {
		return fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err)
	}
	s.users[k] = u
	if exists && last.discr == discr {
		return nil
	}
	if exists {
		s.earlier[k] = append(s.earlier[k], last)
	}
	if err := s.tables.AddDiscr(discr, s.lane(discr)); err != nil {
		return errors.Join(fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err), s.remove(discr, p))
	}
	return nil
}

func (u user) same(o user) bool { return u.discr == o.discr }

// remove undoes set.
func (s *steering) remove(discr uint32, p bpf.Peer) error {
	if s.tables == nil {
		return nil
	}
	k := keyOf(p)
	err := s.tables.DelDiscr(discr)
	last, exists := s.users[k]
	before := slices.DeleteFunc(s.earlier[k], user{discr: discr}.same)
	if !exists || last.discr == discr && len(before) == 0 {
		delete(s.users, k)
		return errors.Join(err, s.tables.DelPeer(k.ifindex, k.local, k.peer))
	}
	if last.discr == discr {
		last, before = before[len(before)-1], before[:len(before)-1]
		s.users[k] = last
	}
	if s.earlier[k] = before; len(before) == 0 {
		delete(s.earlier, k)
	}
	return errors.Join(err, s.tables.SetPeer(last.peer(k)))
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
// multihop session may arrive on any interface of its VRF.
func (w *steerSpec) peer(p *netlinkmon.Path) bpf.Peer {
	local, peer := packet.AddrFrom(p.Local), packet.AddrFrom(p.Peer)
	if w.kind == session.Multihop {
		return bpf.Peer{Ifindex: int32(p.VRFIndex), Local: local, Peer: peer, MinTTL: w.minTTL, Multihop: true}
	}
	return bpf.Peer{Ifindex: int32(p.Ifindex), Local: local, Peer: peer, Loop: w.loop}
}

// wanted is what a session wants, which others may be changing.
func (s *Speaker) wanted(e *entry) steerSpec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.want
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
		if e.set == nil {
			return
		}
		want := s.wanted(e)
		if err := s.steering.set(discr, want.peer(e.set)); err != nil {
			s.log.Error("change XDP tables", "session", discr, "err", err)
			return
		}
		e.asked = want
	})
}
