package speaker

import (
	"errors"
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// tables tell the XDP programs whose frames to take: a *bpf.Tables.
type tables interface {
	AddPeer(ifindex int32, local, peer packet.Addr) error
	DelPeer(ifindex int32, local, peer packet.Addr) error
	AddDiscr(discr uint32) error
	DelDiscr(discr uint32) error
}

// steering keeps the tables true to the sessions. A session may leave while
// another comes that has the same addresses, so these are counted.
type steering struct {
	tables tables // nil without XDP
	users  map[steerKey]int
}

// steerKey names the frames of one peer.
type steerKey struct {
	ifindex     int32
	local, peer packet.Addr
}

func keyOf(p engine.Path) steerKey { return steerKey{p.Ifindex, p.Local, p.Peer} }

// add asks for a session's frames.
func (s *steering) add(discr uint32, p engine.Path) error {
	if s.tables == nil {
		return nil
	}
	k := keyOf(p)
	if err := s.tables.AddPeer(k.ifindex, k.local, k.peer); err != nil {
		return fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err)
	}
	s.users[k]++
	if err := s.tables.AddDiscr(discr); err != nil {
		return errors.Join(fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err), s.remove(discr, p))
	}
	return nil
}

// remove undoes add.
func (s *steering) remove(discr uint32, p engine.Path) error {
	if s.tables == nil {
		return nil
	}
	err := s.tables.DelDiscr(discr)
	k := keyOf(p)
	if s.users[k]--; s.users[k] > 0 {
		return err
	}
	delete(s.users, k)
	return errors.Join(err, s.tables.DelPeer(k.ifindex, k.local, k.peer))
}
