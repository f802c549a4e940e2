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
	Auth   engine.Auth
	Path   engine.Path

	host    *Host
	hasPath bool
	removed bool
	failed  bool // somebody told it that the path has failed
	armed   bool // a change of authentication waits for the peer
	led     *ledger
}

// Add creates a session and gives it its path.
func (h *Host) Add(p session.Params, path engine.Path) *Session {
	return h.AddSpec(engine.Spec{Params: p}, path)
}

// AddSpec creates a session that authenticates, too. The key must be in the
// host's pool.
func (h *Host) AddSpec(spec engine.Spec, path engine.Path) *Session {
	s := &Session{Params: spec.Params, Auth: spec.Auth, Path: path, host: h, hasPath: true, removed: true}
	s.Return()
	return s
}

// Return adds the session that was removed, with a new discriminator.
func (s *Session) Return() {
	if !s.removed {
		return
	}
	discr, err := s.host.Engine.Add(engine.Spec{Params: s.Params, Auth: s.Auth})
	s.host.must(err)
	s.host.world.note(s.host.name, "adds %08x %+v %+v", discr, s.Params, s.Auth)
	s.Discr, s.removed, s.failed, s.armed = discr, false, false, false
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

// SetAuth changes the session's authentication. A delayed change waits for the
// peer's.
func (s *Session) SetAuth(a engine.Auth, delayed bool) {
	s.Auth, s.armed = a, delayed
	if s.removed {
		return
	}
	s.host.world.note(s.host.name, "authentication of %08x: %+v, delayed %v", s.Discr, a, delayed)
	s.host.must(s.host.Engine.SetAuth(s.Discr, a, delayed))
	s.led.setAuth(s.host.credential(a), delayed)
}

// Signal tells the session what somebody outside BFD knows.
func (s *Session) Signal(d packet.Diag) {
	if s.removed {
		return
	}
	s.failed = d == packet.DiagPathDown || s.failed && d != packet.DiagNone
	s.host.world.note(s.host.name, "tells %08x: %v", s.Discr, d)
	s.host.must(s.host.Engine.Signal(s.Discr, d))
	s.led.signalled(d)
}

// Poll makes the session ask its peer whether it is there.
func (s *Session) Poll() {
	if s.removed {
		return
	}
	s.host.world.note(s.host.name, "polls by %08x", s.Discr)
	s.host.must(s.host.Engine.Poll(s.Discr))
	s.led.polled()
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

// SetKey adds a key to the host's pool.
func (h *Host) SetKey(number uint32, m packet.AuthMethod, secret string) {
	h.must(h.Engine.SetKey(number, m, packet.NewSecret([]byte(secret))))
	h.keys[number] = credential{method: m, secret: secret}
}

// credential is what an Auth stands for on this host.
func (h *Host) credential(a engine.Auth) credential {
	if !a.On {
		return credential{}
	}
	c := h.keys[a.Key]
	c.id = a.KeyID
	return c
}

// must: the simulator makes no calls that an engine may refuse.
func (h *Host) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("sim: host %s: %v", h.name, err))
	}
}
