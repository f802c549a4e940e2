package speaker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
)

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

// Resolve returns the local address and the interface by which a session would run.
func (s *Speaker) Resolve(t netlinkmon.Target) (local netip.Addr, ifname string) {
	p := s.monitor.Resolve(t)
	return p.Local, p.Interface
}

// Retarget says in other words where a session goes. One whose path is then the same
// goes on as it was.
func (s *Speaker) Retarget(discr uint32, t netlinkmon.Target) { s.monitor.Watch(discr, t) }

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

// SetEchoSource says where the source addresses of Echo packets come from.
func (s *Speaker) SetEchoSource(e netlinkmon.EchoSource) { s.monitor.SetEchoSource(e) }

// Remove says AdminDown to the peer, for hold nanoseconds and its detection time
// if it may be Up, and then forgets the session; an engine.Event with Gone tells
// when.
func (s *Speaker) Remove(discr uint32, hold int64) error { return s.engine.Remove(discr, hold) }

// Path is how a session's packets travel, for people and programs.
type Path struct {
	netlinkmon.Path
	Waiting         string // why nothing can be sent now, "" if it can
	Transport       string // xdp-zerocopy, xdp-native, xdp-generic, udp; "" while waiting
	TransportReason string
	Stamp           string // what arrival times are taken by: xdp, read or socket
	Ring            bool   // frames leave by an AF_XDP ring
	Live            bool   // large batches of them as live frames
	Unheard         string // why the interface hears nothing by itself, "" if it does
	Uninsured       string // why the interface answers nothing by itself, "" if it does
}

// Path returns the path of a session, the zero Path if there is no such session.
func (s *Speaker) Path(discr uint32) Path {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.sessions[discr]
	if e == nil {
		return Path{}
	}
	p := Path{Path: *e.path, Waiting: e.waiting()}
	if f := s.ifaces[e.path.Ifindex]; f != nil && e.set != nil {
		p.Transport, p.TransportReason = s.transport(f)
		i := s.carrier(f)
		p.Stamp = i.wire.Stamp()
		p.Ring = i.wire.Port(s.engine.WorkerOf(discr)).Ring()
		how, _ := i.wire.Transmit()
		p.Live = how == wire.TransmitLive
		_, p.Unheard = i.wire.Heard()
		_, p.Uninsured = i.wire.Insurance()
		if f := s.far[e.set.VRFIndex]; f != nil && e.want.kind == session.Multihop && f.wire.UDPStatus() != "" {
			p.TransportReason += "; " + f.wire.UDPStatus()
		}
	}
	return p
}

// Where returns the local address and the interface of a session's path, as far
// as there is one: what of Path takes no time.
func (s *Speaker) Where(discr uint32) (local netip.Addr, ifname string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.sessions[discr]; e != nil {
		local, ifname = e.path.Local, e.path.Interface
	}
	return local, ifname
}

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

// keptEvents is how many events there is room for all the time.
const keptEvents = 256

// ring is called on a worker's thread after each of its turns.
func (s *Speaker) ring() {
	if len(s.engine.Notify()) > 0 {
		s.bell.Ring()
	}
}

// takeEvents hands the engine's events on, and lets go of removed sessions. A word of
// Notify that comes after it was taken here rings once more than need be.
func (s *Speaker) takeEvents(ctx context.Context) {
	var buf []engine.Event
	var notes []engine.Note
	for {
		if err := s.bell.Wait(); err != nil {
			s.fail <- fmt.Errorf("wait for events: %w", err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-s.engine.Notify():
		default:
		}
		for buf = s.engine.TakeEvents(buf[:0]); len(buf) > 0; buf = s.engine.TakeEvents(buf[:0]) {
			s.o.OnEvents(buf)
			for i := range buf {
				if buf[i].Gone {
					s.gone(ctx, buf[i].Discr)
				}
			}
		}
		if cap(buf) > keptEvents {
			buf = nil // many came up or failed at once: that is rare
		}
		var unsaid uint64
		if notes, unsaid = s.engine.TakeNotes(notes[:0]); len(notes) > 0 {
			s.o.OnNotes(notes, unsaid)
		}
	}
}

// gone clears away what a removed session leaves.
func (s *Speaker) gone(ctx context.Context, discr uint32) {
	s.monitor.Unwatch(discr)
	s.later(ctx, func() {
		s.mu.Lock()
		e := s.sessions[discr]
		delete(s.sessions, discr)
		s.mu.Unlock()
		if e != nil {
			s.withdraw(discr, e)
			s.closeUnused(ctx)
		}
	})
}
