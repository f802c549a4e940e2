package speaker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/netlinkmon"
)

// entry is one session: what its path is to be found from, and how it stands.
type entry struct {
	path  *netlinkmon.Path // the monitor's; never nil
	set   *netlinkmon.Path // the one that the engine and the tables have, nil without
	err   error            // of opening the interface
	want  steerSpec
	asked steerSpec // what the tables have of set; the path loop's own
	known bool      // whether it has a path
}

// waiting says why nothing can be sent, "" if it can.
func (e *entry) waiting() string {
	switch {
	case e.err != nil:
		return e.err.Error()
	case !e.path.Ready:
		return e.path.Reason
	case e.set == nil:
		return "its path is known, and is being set up"
	}
	return ""
}

// Add creates a session with the peer of target. It starts when its path is
// there; until then it waits, and Path tells for what. Target and Params must
// agree on whether it is multihop.
func (s *Speaker) Add(target netlinkmon.Target, spec engine.Spec) (discr uint32, err error) {
	discr, err = s.engine.Add(spec)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.sessions[discr] = &entry{
		path: &netlinkmon.Path{Peer: target.Peer, Reason: "looking for a path"}, want: steerSpecOf(spec),
	}
	s.mu.Unlock()
	s.monitor.Watch(discr, target)
	return discr, nil
}

// Configure changes a session's parameters while it runs.
func (s *Speaker) Configure(discr uint32, p session.Params) error {
	if err := s.engine.Configure(discr, p); err != nil {
		return err
	}
	s.restate(discr, func(w *steerSpec) { w.configure(p) })
	return nil
}

// SetChecks changes which packets a session accepts: see engine.Spec.
func (s *Speaker) SetChecks(discr uint32, minTTL uint8, strict bool) error {
	if err := s.engine.SetChecks(discr, minTTL, strict); err != nil {
		return err
	}
	s.restate(discr, func(w *steerSpec) { w.setMinTTL(minTTL) })
	return nil
}

// Retarget says in other words where a session goes. One whose path is then the same
// goes on as it was.
func (s *Speaker) Retarget(discr uint32, t netlinkmon.Target) { s.monitor.Watch(discr, t) }

// Remove says AdminDown to the peer, for hold nanoseconds and its detection time
// if it may be Up, and then forgets the session; an engine.Event with Gone tells
// when.
func (s *Speaker) Remove(discr uint32, hold int64) error { return s.engine.Remove(discr, hold) }

// Resolve returns the local address and the interface by which a session would run.
func (s *Speaker) Resolve(t netlinkmon.Target) (local netip.Addr, ifname string) {
	p := s.monitor.Resolve(t)
	return p.Local, p.Interface
}

// SetEchoSource says where the source addresses of Echo packets come from.
func (s *Speaker) SetEchoSource(e netlinkmon.EchoSource) { s.monitor.SetEchoSource(e) }

// Settle waits until it is known of each session whether it has a path, and
// returns the errors of interfaces that could not be opened: port taken,
// permission missing. A session that waits for an interface is no error. One
// goroutine at a time may call it.
func (s *Speaker) Settle(ctx context.Context, discrs []uint32) error {
	var errs []error
	seen := make(map[string]bool)
	for _, d := range discrs {
		s.mu.Lock()
		e := s.sessions[d]
		s.mu.Unlock()
		if e == nil {
			continue
		}
		err, known := s.opened(e)
		for ; !known; err, known = s.opened(e) {
			select {
			case <-s.learned:
			case <-ctx.Done():
				return fmt.Errorf("find the path to %v: %w", s.Path(d).Peer, ctx.Err())
			}
		}
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// opened returns the error of a session's interface, as far as it is known.
func (s *Speaker) opened(e *entry) (err error, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.err, e.known
}
