package speaker

import (
	"errors"
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// steerKey names the frames of one peer in the XDP program's tables.
type steerKey struct {
	ifindex     int32
	local, peer packet.Addr
}

func keyOf(p engine.Path) steerKey { return steerKey{p.Ifindex, p.Local, p.Peer} }

// steer asks the XDP programs for a session's frames.
func (s *Speaker) steer(discr uint32, p engine.Path) error {
	if s.tables == nil {
		return nil
	}
	k := keyOf(p)
	if err := s.tables.AddPeer(k.ifindex, k.local, k.peer); err != nil {
		return fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err)
	}
	s.steered[k]++
	if err := s.tables.AddDiscr(discr); err != nil {
		return errors.Join(fmt.Errorf("steer frames of %v: %w", p.Peer.Netip(), err), s.unsteer(discr, p))
	}
	return nil
}

// unsteer leaves them to the kernel again, unless another session wants them.
func (s *Speaker) unsteer(discr uint32, p engine.Path) error {
	if s.tables == nil {
		return nil
	}
	err := s.tables.DelDiscr(discr)
	k := keyOf(p)
	if s.steered[k]--; s.steered[k] > 0 {
		return err
	}
	delete(s.steered, k)
	return errors.Join(err, s.tables.DelPeer(k.ifindex, k.local, k.peer))
}
