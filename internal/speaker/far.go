package speaker

import (
	"context"

	"github.com/xbfd/xbfd/engine/wire"
)

// anyInterface is the interface that multihop sessions have in the engine and
// in the XDP tables.
const anyInterface = 0

// far receives the packets of multihop sessions that arrive where no interface
// is open.
type far struct {
	wire  *wire.Multihop
	users int // multihop sessions whose path is set
}

// openFar makes sure that it is there.
func (s *Speaker) openFar() error {
	switch {
	case s.far != nil:
		return nil
	case s.closing:
		return errClosing
	}
	var w *wire.Multihop
	err := s.o.In(func() (err error) {
		w, err = wire.OpenMultihop(wire.Options{Tables: s.tables, Workers: s.o.Workers, Logger: s.log})
		return err
	})
	s.tell("any", err)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.far = &far{wire: w}
	s.mu.Unlock()
	for i := range s.o.Workers {
		s.engine.AttachPort(i, anyInterface, w.Port(i))
	}
	return nil
}

// closeFar closes it when no session uses it, or all the same.
func (s *Speaker) closeFar(ctx context.Context, used bool) error {
	f := s.far
	if f == nil || f.users > 0 && !used {
		return nil
	}
	for i := range s.o.Workers {
		if err := s.engine.DetachPort(ctx, i, anyInterface); err != nil {
			return err // a worker may still touch it
		}
	}
	s.mu.Lock()
	s.far = nil
	s.mu.Unlock()
	return f.wire.Close()
}
