package speaker

import (
	"context"
	"errors"

	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
)

// far receives the packets of a VRF's multihop sessions that arrive where no
// interface is open. Its place in Speaker.far, and the interface that these
// sessions have in the engine and in the XDP tables, is the index of the VRF's
// device, 0 for the default VRF.
type far struct {
	name  string
	wire  *wire.Multihop
	users int // multihop sessions whose path is set
}

// openFar makes sure that the one of a path's VRF is there.
func (s *Speaker) openFar(p *netlinkmon.Path) error {
	switch {
	case s.far[p.VRFIndex] != nil:
		return nil
	case s.closing:
		return errClosing
	}
	f := &far{name: "any"}
	if p.VRF != "" {
		f.name = "any of VRF " + p.VRF
	}
	var beside []*wire.Multihop
	for _, o := range s.far {
		beside = append(beside, o.wire)
	}
	err := s.o.In(func() (err error) {
		f.wire, err = wire.OpenMultihop(p.VRF, beside, wire.Options{Tables: s.tables, Workers: s.o.Workers, Logger: s.log})
		return err
	})
	s.tell(f.name, err)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.far[p.VRFIndex] = f
	s.mu.Unlock()
	for i := range s.o.Workers {
		s.engine.AttachPort(i, int32(p.VRFIndex), f.wire.Port(i))
	}
	return nil
}

// closeFar closes those that no session uses, or all of them all the same.
func (s *Speaker) closeFar(ctx context.Context, used bool) error {
	var errs []error
	for vrf, f := range s.far {
		if f.users == 0 || used {
			errs = append(errs, s.closeFarOf(ctx, vrf, f))
		}
	}
	return errors.Join(errs...)
}

func (s *Speaker) closeFarOf(ctx context.Context, vrf int, f *far) error {
	for i := range s.o.Workers {
		if err := s.engine.DetachPort(ctx, i, int32(vrf)); err != nil {
			return err // a worker may still touch it
		}
	}
	s.mu.Lock()
	delete(s.far, vrf)
	s.mu.Unlock()
	s.setVRF(vrf) // if its device has gone before
	return f.wire.Close()
}
