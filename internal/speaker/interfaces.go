package speaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// iface is an interface that is open because some session's path uses it.
type iface struct {
	name  string
	wire  *wire.Interface
	users int       // sessions whose path is set and uses it, and interfaces above it
	until time.Time // how long it stays open without users
	mac   packet.MAC
	vrf   string // "" is the default one
	way   way
	below below
}

// follow keeps an open interface up with what has changed of it: the name by which
// its transport is configured, its VRF, and its own MAC, which the XDP program must
// know because frames to another one are not for this host.
func (s *Speaker) follow(f *iface, p *netlinkmon.Path) error {
	s.rename(f, p.Interface)
	s.mu.Lock()
	f.vrf = p.VRF
	s.mu.Unlock()
	if p.LocalMAC == f.mac {
		return nil
	}
	if err := f.wire.SetMAC(p.LocalMAC); err != nil {
		return fmt.Errorf("interface %s: %w", f.name, err)
	}
	f.mac = p.LocalMAC
	return nil
}

// rename has an open interface go by another name.
func (s *Speaker) rename(f *iface, ifname string) {
	if ifname == f.name {
		return
	}
	s.log.Info("interface renamed", "ifname", ifname, "was", f.name)
	was := s.o.Transport(f.name)
	s.mu.Lock()
	f.name = ifname
	s.mu.Unlock()
	f.wire.Rename(ifname)
	if asked := s.o.Transport(f.name); asked != was {
		f.way.renamed = asked
	}
}

// errClosing: paths go on changing while a Speaker closes, and what they would
// open then nobody would close.
var errClosing = errors.New("the speaker closes")

// open makes sure that the interface of a path is open.
func (s *Speaker) open(p *netlinkmon.Path) error {
	if s.closing {
		return errClosing
	}
	err := s.openOne(p.Ifindex, p.Interface, p.Lowers)
	if s.tell(p.Interface, err); err != nil {
		return err
	}
	if err := s.follow(s.ifaces[p.Ifindex], p); err != nil {
		return err
	}
	return s.arrange(p)
}

// openOne opens an interface, by itself, unless it is open.
func (s *Speaker) openOne(ifindex int, ifname string, l *netlinkmon.Lowers) error {
	if s.ifaces[ifindex] != nil {
		return nil
	}
	var w *wire.Interface
	asked := s.o.Transport(ifname)
	err := s.o.In(func() (err error) {
		o := s.wireOptions(ifname, ownTransport(asked, l))
		o.VRF = s.vrfs[ifindex]
		w, err = wire.Open(ifindex, ifname, o)
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.ifaces[ifindex] = &iface{name: ifname, wire: w, way: way{asked: asked, besides: s.besides(ifname), since: time.Now()}}
	s.mu.Unlock()
	for i := range s.o.Workers {
		s.engine.AttachPort(i, int32(ifindex), w.Port(i))
	}
	return nil
}

// wireOptions says how to open an interface with the transport asked for.
func (s *Speaker) wireOptions(ifname, asked string) wire.Options {
	return wire.Options{
		Transport: asked, Tables: s.tables, NoXDP: s.noXDP,
		LoopTX: s.o.EchoLoop(ifname) == "xdp", SteerTo: s.o.SteerTo(ifname), Transmit: s.o.Transmit,
		Insurance: s.insurance(), Journal: s.wireJournal(), Workers: s.o.Workers, Logger: s.log,
	}
}

// insurance is the way in which an interface is to answer: the one that reaches
// every kind of peer, unless told otherwise.
func (s *Speaker) insurance() string {
	if s.o.DeadMan > 0 {
		return cmp.Or(s.o.Insurance, wire.InsuranceTC)
	}
	return wire.InsuranceOff
}

// tell logs why an interface cannot be opened, once and not at every try for
// each of its sessions.
func (s *Speaker) tell(ifname string, err error) {
	if err == nil || errors.Is(err, wire.ErrGone) {
		delete(s.told, ifname)
		return
	}
	if s.told[ifname] != err.Error() {
		s.told[ifname] = err.Error()
		s.log.Error("sessions have to wait", "ifname", ifname, "err", err)
	}
}

// Refusals returns why interfaces cannot be opened that sessions wait for, each
// reason once.
func (s *Speaker) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	reasons := make(map[string]bool)
	for _, e := range s.sessions {
		if e.err != nil {
			reasons[e.err.Error()] = true
		}
	}
	return slices.Sorted(maps.Keys(reasons))
}

// lingerTime is how long an interface stays open for sessions that wait for their path
// to come back. Whoever manages the network takes addresses and links away and gives
// them back, often within less than the rings of an interface take to be opened.
const lingerTime = 5 * time.Second

// linger has the interface of a session that is about to lose its path wait for it.
func (s *Speaker) linger(e *entry) {
	if e.set == nil || s.vrfs[e.set.Ifindex] != e.set.VRFIndex {
		return
	}
	if f := s.ifaces[e.set.Ifindex]; f != nil {
		f.until = time.Now().Add(lingerTime)
	}
}

// lingers says whether an interface without users stays open. One that is not there
// any more does not: what comes back is another to the kernel.
func (s *Speaker) lingers(f *iface) bool {
	if time.Now().After(f.until) {
		return false
	}
	gone := false
	_ = s.o.In(func() error {
		gone = f.wire.Gone()
		return nil
	})
	return !gone
}

// closeUnused closes the interfaces that no session's path uses any more, and
// the multihop sockets after the last multihop session.
func (s *Speaker) closeUnused(ctx context.Context) {
	failed := make(map[int]bool)
	for again := true; again; { // one that is closed uses those below it no more
		again = false
		for i, f := range s.ifaces {
			if f.users > 0 || failed[i] || s.lingers(f) {
				continue
			}
			if err := s.close(ctx, i, f); err != nil {
				s.log.Error("close interface", "ifname", f.name, "err", err)
				failed[i] = true
			}
			again = true
		}
	}
	if err := s.closeFar(ctx, false); err != nil {
		s.log.Error("close multihop sockets", "err", err)
	}
}

func (s *Speaker) close(ctx context.Context, ifindex int, f *iface) error {
	for i := range s.o.Workers {
		if err := s.engine.DetachPort(ctx, i, int32(ifindex)); err != nil {
			return err // a worker may still touch it
		}
	}
	for _, l := range f.below.lowers {
		s.leave(ifindex, f.below.vid(), &l)
	}
	s.mu.Lock()
	delete(s.ifaces, ifindex)
	s.mu.Unlock()
	s.log.Info("interface closed", "ifname", f.name)
	return f.wire.Close()
}

// closeInterfaces closes all of them for good.
func (s *Speaker) closeInterfaces(ctx context.Context) error {
	s.closing = true
	var errs []error
	for i, f := range s.openIfaces() {
		errs = append(errs, s.close(ctx, i, f))
	}
	return errors.Join(append(errs, s.closeFar(ctx, true))...)
}

// openIfaces returns the open interfaces by index.
func (s *Speaker) openIfaces() map[int]*iface {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.ifaces)
}
