package speaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xbfd/xbfd/engine/wire"
)

// ErrNoInterface says that no session has an interface open.
var ErrNoInterface = errors.New("no session uses the interface")

// way is how an open interface's frames travel, and how that came about. It is
// the path loop's but for what InterfaceStatus shows, which s.mu guards.
type way struct {
	asked    string    // the transport that was asked for
	besides  besides   // what else was
	since    time.Time // of the present transport
	cause    string    // of the latest switch, "" before the first
	switches int
	trouble  string    // why asked is not had, "" if it is
	renamed  string    // what is asked for by its new name, until it has been tried
	tried    time.Time // when it was last tried
}

// besides is what is asked of an interface besides its transport.
type besides struct {
	loop    string // who returns echoes
	steerTo int
}

func (s *Speaker) besides(ifname string) besides {
	return besides{s.o.EchoLoop(ifname), s.o.SteerTo(ifname)}
}

// lookEvery is how often open interfaces are looked at for a reason to open them
// anew. Until then frames that have no ring come by the sockets.
const lookEvery = time.Second

// switchTime is how long the workers have to take over an interface's other ports.
const switchTime = 5 * time.Second

// Switch changes the transport of an open interface while its sessions run: asked
// is auto, xdp, xdp-generic or udp, and cause says for people why. With an error
// (ErrNoInterface, wire.ErrNoXDP, a *wire.PortTakenError) the old transport stays.
func (s *Speaker) Switch(ctx context.Context, ifname, asked, cause string) error {
	return s.onPathLoop(ctx, func() error {
		for ifindex, f := range s.openIfaces() {
			if f.name != ifname {
				continue
			}
			return s.reopen(ctx, ifindex, f, asked, cause)
		}
		return fmt.Errorf("change transport of %s: %w: xbfd interface lists those that are open", ifname, ErrNoInterface)
	})
}

// SetInterfaces changes what Options.Transport, EchoLoop and SteerTo say, without
// waiting, and has open interfaces that had been asked for something else follow.
// Where that cannot be had the old transport stays, and InterfaceStatus.Trouble says
// why.
func (s *Speaker) SetInterfaces(transport, echoLoop func(ifname string) string, steerTo func(ifname string) int, cause string) {
	s.post(func() {
		s.o.Transport, s.o.EchoLoop, s.o.SteerTo = transport, echoLoop, steerTo
		for ifindex, f := range s.openIfaces() {
			want := transport(f.name)
			if want == f.way.asked && s.besides(f.name) == f.way.besides {
				continue
			}
			if err := s.reopen(context.Background(), ifindex, f, want, cause); err != nil {
				s.log.Error("transport cannot be had", "ifname", f.name, "asked", want, "err", err)
				s.mu.Lock()
				f.way.asked, f.way.trouble = want, err.Error()
				s.mu.Unlock()
			}
		}
	})
}

// reopen has an interface travel as asked. Where that cannot be had it goes back
// to what was asked before; if that is the same, the sockets serve alone.
func (s *Speaker) reopen(ctx context.Context, ifindex int, f *iface, asked, cause string) error {
	if s.closing {
		return errClosing
	}
	if err := s.o.In(func() error { return f.wire.May(ownTransport(asked, f.below.want)) }); err != nil {
		return err
	}
	from, _ := s.transport(f)
	err := s.change(ctx, ifindex, f, asked)
	trouble := err
	if err != nil && asked != f.way.asked {
		asked, cause = f.way.asked, "what was asked for instead cannot be had"
		trouble = s.change(ctx, ifindex, f, asked)
		err = errors.Join(err, trouble)
	}
	to, reason := s.transport(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &f.way
	w.asked, w.besides, w.tried = asked, s.besides(f.name), time.Now()
	if to != from || err == nil {
		w.since, w.cause = w.tried, cause
		w.switches++
		s.log.Info("transport changed", "ifname", f.name, "from", from, "to", to, "reason", reason, "cause", cause)
	}
	had := w.trouble
	if w.trouble = ""; trouble != nil {
		w.trouble = trouble.Error()
	}
	if w.trouble != had && trouble != nil {
		s.log.Error("transport cannot be had", "ifname", f.name, "asked", asked, "err", trouble)
	}
	return err
}

// change has an interface travel as asked, with the same rings if they can stay. With
// an error its sockets serve alone.
func (s *Speaker) change(ctx context.Context, ifindex int, f *iface, asked string) error {
	s.quietEcho(ctx, ifindex, f)
	if f.wire.Keeps(s.wireOptions(f.name, ownTransport(asked, f.below.want))) {
		err := s.climb(ctx, ifindex, f, asked)
		if err != nil {
			err = errors.Join(err, s.retire(ctx, ifindex, f))
		}
		return err
	}
	if err := s.retire(ctx, ifindex, f); err != nil {
		return err
	}
	return s.climb(ctx, ifindex, f, asked)
}

// retire leaves an interface to its sockets.
func (s *Speaker) retire(ctx context.Context, ifindex int, f *iface) error {
	old := f.wire
	bare := old.Retire()
	if bare == old {
		return nil
	}
	return s.swap(ctx, ifindex, f, bare)
}

// quietTime is how long peers have to confirm that they send no Echo any more. Most do
// so at once; one that does not may be gone.
const quietTime = 300 * time.Millisecond

// quietEcho ends Echo by an interface's rings before they go.
func (s *Speaker) quietEcho(ctx context.Context, ifindex int, f *iface) {
	if f.wire.Rings() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quietTime)
	defer cancel()
	for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
		waiting := 0
		for i := range s.o.Workers {
			n, err := s.engine.QuietEcho(ctx, i, int32(ifindex))
			if err != nil {
				return // late, or the swap will say why
			}
			waiting += n
		}
		if waiting == 0 {
			return
		}
	}
}

// climb opens what asked allows beside an interface's sockets, or around its rings.
func (s *Speaker) climb(ctx context.Context, ifindex int, f *iface, asked string) error {
	var next *wire.Interface
	err := s.o.In(func() (err error) {
		next, err = f.wire.Climb(s.wireOptions(f.name, ownTransport(asked, f.below.want)))
		return err
	})
	if err != nil {
		return err
	}
	if err := s.swap(ctx, ifindex, f, next); err != nil {
		return err
	}
	s.rearrange(ifindex, f, f.below.want, asked)
	return f.lacking(asked)
}

// swap has the workers and everybody else use next, and closes what that does without.
// Whoever asks may lose patience, and opening may have taken long; half of a switch
// would be worse.
func (s *Speaker) swap(ctx context.Context, ifindex int, f *iface, next *wire.Interface) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), switchTime)
	defer cancel()
	for i := range s.o.Workers {
		if err := s.engine.SwapPort(ctx, i, int32(ifindex), next.Port(i)); err != nil {
			return err // a worker may still touch the old one
		}
	}
	s.mu.Lock()
	old := f.wire
	f.wire = next
	s.mu.Unlock()
	s.turnAbove(ifindex)
	return old.Release(next)
}

// lookAround opens those interfaces anew that are not any more as they were
// opened, and tries those again that have not got what was asked for.
func (s *Speaker) lookAround(ctx context.Context) {
	for ifindex, f := range s.openIfaces() {
		why, asked := "", f.way.asked
		_ = s.o.In(func() error {
			why = f.wire.Stale()
			return nil
		})
		if f.way.renamed != "" {
			asked, why, f.way.renamed = f.way.renamed, "it was renamed", ""
		}
		if why == "" && f.way.trouble != "" && f.wire.Rings() == 0 && time.Since(f.way.tried) >= retryEvery {
			why = "tried again"
		}
		if why == "" || s.closing {
			continue
		}
		_ = s.reopen(ctx, ifindex, f, asked, why) // which tells
	}
}
