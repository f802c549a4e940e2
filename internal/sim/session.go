package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Session is one end of a session: what a host's operator may do with it. Every
// act is noted in the trace and told to the Watch. While the session is removed,
// acts only change what it will be when it comes back.
type Session struct {
	Discr  uint32
	Params session.Params
	Path   engine.Path

	host    *Host
	hasPath bool
	removed bool
	led     *ledger
}

// Add creates a session and gives it its path.
func (h *Host) Add(p session.Params, path engine.Path) *Session {
	s := &Session{Params: p, Path: path, host: h, hasPath: true, removed: true}
	s.Return()
	return s
}

// Return adds the session that was removed, with a new discriminator.
func (s *Session) Return() {
	if !s.removed {
		return
	}
	discr, err := s.host.Engine.Add(engine.Spec{Params: s.Params})
	s.host.must(err)
	s.host.world.note(s.host.name, "adds %08x %+v", discr, s.Params)
	s.Discr, s.removed = discr, false
	s.led = s.host.watch.added(s)
	if s.hasPath {
		s.SetPath(s.Path)
	}
}

// Remove takes the session away. A negative hold is a crash: without a word to
// the peer.
func (s *Session) Remove(hold session.Time) {
	if s.removed {
		return
	}
	s.host.world.note(s.host.name, "removes %08x, hold %d", s.Discr, hold)
	s.host.must(s.host.Engine.Remove(s.Discr, int64(hold)))
	s.led.removed(int64(hold))
	s.removed = true
}

// SetPath gives the session a path, or another one.
func (s *Session) SetPath(path engine.Path) {
	s.Path, s.hasPath = path, true
	if s.removed {
		return
	}
	s.host.world.note(s.host.name, "path of %08x: interface %d %s > %s", s.Discr, path.Ifindex, path.Local.Netip(), path.Peer.Netip())
	s.host.must(s.host.Engine.SetPath(s.Discr, path))
	s.led.pathSet(path)
}

// ClearPath takes the path away.
func (s *Session) ClearPath() {
	s.hasPath = false
	if s.removed {
		return
	}
	s.host.world.note(s.host.name, "no path for %08x", s.Discr)
	s.host.must(s.host.Engine.ClearPath(s.Discr))
	s.led.pathCleared()
}

// Configure changes the session's parameters.
func (s *Session) Configure(p session.Params) {
	s.Params = p
	if s.removed {
		return
	}
	s.host.world.note(s.host.name, "configures %08x %+v", s.Discr, p)
	s.host.must(s.host.Engine.Configure(s.Discr, p))
	s.led.configured(p)
}

// Status returns the session as it stands; it must exist.
func (s *Session) Status() engine.Status {
	st, ok := s.host.Status(s.Discr)
	if !ok {
		panic(fmt.Sprintf("sim: session %08x is not there", s.Discr))
	}
	return st
}

// Up tells whether the session is.
func (s *Session) Up() bool { return s.Status().State == packet.Up }

// must: the simulator makes no calls that an engine may refuse.
func (h *Host) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("sim: host %s: %v", h.name, err))
	}
}
