package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// embedded is an engine with one worker and one session, and what joins it to the
// host: the tables of the XDP program, the follower of links and neighbours, the
// worker's thread, and the interface that leads to the peer.
type embedded struct {
	engine  *engine.Engine
	tables  *bpf.Tables // nil without XDP: sockets do
	noXDP   error
	monitor *netlinkmon.Monitor
	loop    *wire.Loop
	stop    context.CancelFunc // of the loop
	stopped chan error

	discr   uint32
	iface   *wire.Interface // nil until there is a path
	ifindex int
}

// open starts a session that sends every interval and bears mult-1 losses.
func open(local, peer netip.Addr, interval time.Duration, mult uint8) (_ *embedded, err error) {
	s := &embedded{stopped: make(chan error, 1)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.tables, s.noXDP = bpf.NewTables(1, 1)
	if s.monitor, err = netlinkmon.New(netlinkmon.Options{}); err != nil {
		return nil, err
	}
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	config := engine.Config{Seed: binary.NativeEndian.Uint64(seed[:]), Wake: func(int) { s.loop.Wake() }}
	if s.tables != nil {
		config.Lanes = s.tables.Lanes() // what says nothing new ends in the XDP program
	}
	if s.engine, err = engine.New(config); err != nil {
		return nil, err
	}
	if s.loop, err = wire.NewLoop(wire.LoopOptions{Worker: s.engine.Workers()[0], CPU: -1}); err != nil {
		return nil, err
	}
	// A worker that waits in the kernel keeps its P for a while; the collector and
	// everybody else need theirs.
	runtime.GOMAXPROCS(max(3, runtime.GOMAXPROCS(0)))
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		s.stopped <- s.loop.Run(ctx)
		close(s.stopped)
	}()
	us := uint32(interval / time.Microsecond)
	s.discr, err = s.engine.Add(engine.Spec{DSCP: 48, Params: session.Params{DesiredMinTx: us, RequiredMinRx: us, DetectMult: mult}})
	if err != nil {
		return nil, err
	}
	s.monitor.Watch(s.discr, netlinkmon.Target{Peer: peer, Local: local})
	return s, nil
}

// watch keeps the session on its path and tells of every change of its state,
// until ctx ends and the peer has been told.
func (s *embedded) watch(ctx context.Context, changed func(state packet.State, why string)) error {
	leave := ctx.Done()
	for {
		select {
		case u := <-s.monitor.Updates():
			if u.Path == nil {
				continue // of VRFs, which matter to multihop sessions
			}
			if err := s.follow(*u.Path); err != nil {
				return err
			}
		case <-s.engine.Notify():
			for _, ev := range s.engine.TakeEvents(nil) {
				if ev.Transitions > 0 {
					changed(ev.Change.To, ev.Change.Diag.String())
				}
				if ev.Gone {
					return nil
				}
			}
		case err := <-s.stopped:
			return fmt.Errorf("worker: %w", err)
		case <-leave:
			leave = nil
			if err := s.engine.Remove(s.discr, int64(500*time.Millisecond)); err != nil {
				return err
			}
		}
	}
}

// follow gives the session the path that the kernel now has to its peer.
func (s *embedded) follow(p netlinkmon.Path) error {
	if !p.Ready {
		return unlessLeaving(s.engine.ClearPath(s.discr))
	}
	if s.iface == nil {
		if err := s.attach(p); err != nil {
			return err
		}
	} else if s.ifindex != p.Ifindex {
		return fmt.Errorf("the peer has moved to interface %s: this example follows it nowhere", p.Interface)
	}
	return unlessLeaving(s.engine.SetPath(s.discr, engine.Path{
		Ifindex: int32(p.Ifindex), Local: packet.AddrFrom(p.Local), Peer: packet.AddrFrom(p.Peer),
		LocalMAC: p.LocalMAC, PeerMAC: p.PeerMAC, MACKnown: p.MACKnown,
	}))
}

// unlessLeaving forgives that a session which is being removed takes no path.
func unlessLeaving(err error) error {
	if errors.Is(err, engine.ErrUnknown) {
		return nil
	}
	return err
}

// attach opens the interface and has the XDP program steer the peer's frames.
func (s *embedded) attach(p netlinkmon.Path) (err error) {
	if s.iface, err = wire.Open(p.Ifindex, p.Interface, wire.Options{Tables: s.tables, NoXDP: s.noXDP}); err != nil {
		return err
	}
	s.ifindex = p.Ifindex
	s.engine.AttachPort(0, int32(p.Ifindex), s.iface.Port(0))
	if s.tables == nil {
		return nil
	}
	lane, ok := s.engine.Lane(s.discr)
	if !ok {
		lane = bpf.NoLane
	}
	peer := bpf.Peer{Ifindex: int32(p.Ifindex), Local: packet.AddrFrom(p.Local), Peer: packet.AddrFrom(p.Peer)}
	return errors.Join(s.tables.SetPeer(peer), s.tables.AddDiscr(s.discr, lane))
}

// close ends everything. The worker goes first: the memory of the rings belongs
// to the interface.
func (s *embedded) close() {
	if s.stop != nil {
		s.stop()
		<-s.stopped
	}
	if s.iface != nil {
		s.iface.Close()
	}
	if s.monitor != nil {
		s.monitor.Close()
	}
	if s.tables != nil {
		s.tables.Close()
	}
}
