package speaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// update takes a session's new path.
func (s *Speaker) update(ctx context.Context, u netlinkmon.Update) {
	if u.Path == nil {
		s.learnVRFs(u.VRFs)
		s.closeUnused(ctx)
		return
	}
	s.mu.Lock()
	e := s.sessions[u.ID]
	if e != nil {
		e.path = u.Path
	}
	s.mu.Unlock()
	if e == nil {
		return
	}
	s.install(ctx, u.ID, e)
	s.closeUnused(ctx)
}

// install makes the engine, the tables and the interfaces agree with e.path.
func (s *Speaker) install(ctx context.Context, discr uint32, e *entry) {
	err := s.tryInstall(discr, e)
	if errors.Is(err, wire.ErrGone) {
		return // the path is another one already: the monitor is about to tell
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.err = err
	s.log.Debug("path", "session", discr, "ifindex", e.path.Ifindex, "local", e.path.Local, "neighbour", net.HardwareAddr(e.path.PeerMAC[:]),
		"neighbour-known", e.path.MACKnown, "waits", e.waiting())
	e.known = true
	select {
	case s.learned <- struct{}{}:
	default:
	}
}

func (s *Speaker) tryInstall(discr uint32, e *entry) error {
	p := e.path
	if !p.Ready {
		s.linger(e)
		s.withdraw(discr, e)
		return nil
	}
	if err := s.openAll(e); err != nil {
		s.withdraw(discr, e)
		return err
	}
	want := s.wanted(e)
	steered := want.peer(p)
	if e.set != nil && keyOf(e.asked.peer(e.set)) != keyOf(steered) {
		s.withdraw(discr, e)
	}
	if err := s.steering.set(discr, steered); err != nil {
		return err
	}
	e.asked = want
	if err := s.setPath(discr, p); err != nil {
		if e.set == nil {
			err = errors.Join(err, s.steering.remove(discr, steered))
		}
		return err
	}
	s.use(e, p)
	return nil
}

// use notes which path the engine and the tables have.
func (s *Speaker) use(e *entry, p *netlinkmon.Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.using(e, -1)
	e.set = p
	s.using(e, +1)
}

// using counts the users of what a session's packets travel by; the caller
// holds s.mu.
func (s *Speaker) using(e *entry, n int) {
	if e.set == nil {
		return
	}
	if f := s.ifaces[e.set.Ifindex]; f != nil {
		f.users += n
		if n > 0 {
			f.until = time.Time{}
		}
	}
	if f := s.far[e.set.VRFIndex]; f != nil && e.want.kind == session.Multihop {
		f.users += n
	}
}

// openAll opens what a session's packets travel by.
func (s *Speaker) openAll(e *entry) error {
	if e.want.kind == session.Multihop {
		if err := s.openFar(e.path); err != nil {
			return err
		}
	}
	return s.open(e.path)
}

// setPath gives the engine a path; a session that is being removed needs none.
func (s *Speaker) setPath(discr uint32, p *netlinkmon.Path) error {
	b := &s.ifaces[p.Ifindex].below
	err := s.engine.SetPath(discr, engine.Path{
		Ifindex: int32(p.Ifindex), Via: int32(b.via), VLAN: b.vid(), Local: packet.AddrFrom(p.Local), Peer: packet.AddrFrom(p.Peer),
		LocalMAC: p.LocalMAC, PeerMAC: p.PeerMAC, MACKnown: p.MACKnown,
		EchoSource: packet.AddrFrom(p.EchoSource), PointToPoint: p.PointToPoint,
		VRF: int32(p.VRFIndex),
	})
	if err != nil && !errors.Is(err, engine.ErrUnknown) {
		return fmt.Errorf("peer %v: %w", p.Peer, err)
	}
	return nil
}

// withdraw takes a session's path out of the engine and the tables.
func (s *Speaker) withdraw(discr uint32, e *entry) {
	was := e.set
	if was == nil {
		return
	}
	s.use(e, nil)
	if err := s.engine.ClearPath(discr); err != nil && !errors.Is(err, engine.ErrUnknown) {
		s.log.Error("clear path", "session", discr, "err", err)
	}
	if err := s.steering.remove(discr, e.asked.peer(was)); err != nil {
		s.log.Error("withdraw from XDP tables", "session", discr, "err", err)
	}
}

// retryOpen tries the sessions again whose interface could not be opened.
func (s *Speaker) retryOpen(ctx context.Context) {
	s.mu.Lock()
	var failed map[uint32]*entry
	for d, e := range s.sessions {
		if e.err == nil {
			continue
		}
		if failed == nil {
			failed = make(map[uint32]*entry)
		}
		failed[d] = e
	}
	s.mu.Unlock()
	for d, e := range failed {
		s.install(ctx, d, e)
	}
	s.retryBelow()
}
