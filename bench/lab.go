package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
)

// lab is two namespaces joined by a veth pair, and a core for each.
type lab struct {
	dut, load       *netns.NS
	uplinks         *uplinks // nil but for failover
	dutCPU, loadCPU int
	restore         unix.CPUSet // where this process may run otherwise
	moved           bool
}

// newLab makes it for a number of sessions. This process itself leaves the core
// of the engine under test.
func newLab(ctx context.Context, sessions int) (_ *lab, err error) {
	l := new(lab)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("build the namespaces: %w", err), l.close())
		}
	}()
	if err := l.chooseCPUs(); err != nil {
		return nil, err
	}
	if l.dut, err = netns.New("dut"); err != nil {
		return nil, err
	}
	if l.load, err = netns.New("load"); err != nil {
		return nil, err
	}
	err = netns.Veth(l.dut, ifname, l.load, ifname, netns.VethOptions{MAC: hardware(dutMAC), PeerMAC: hardware(peerMAC)})
	if err != nil {
		return nil, err
	}
	return l, l.address(ctx, sessions)
}

// atOnce is how many neighbours are entered between two looks at ctx.
const atOnce = 1024

// address gives the end of the engine under test its addresses and neighbours.
// The load peer needs none: it makes its frames itself.
func (l *lab) address(ctx context.Context, sessions int) error {
	var own []netip.Prefix
	neighbours := make([]netns.Neigh, sessions)
	for k := range sessions {
		if k%perSubnet == 0 {
			own = append(own, netip.PrefixFrom(local(k), 24))
		}
		neighbours[k] = netns.Neigh{IP: remote(k), MAC: hardware(peerMAC)}
	}
	if err := l.dut.AddAddr(ifname, own...); err != nil {
		return err
	}
	for some := range slices.Chunk(neighbours, atOnce) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := l.dut.AddNeigh(ifname, some...); err != nil {
			return err
		}
	}
	return nil
}

// chooseCPUs takes the first two cores this process may use, and moves this
// process to the others, or else to that of the load peer.
func (l *lab) chooseCPUs() error {
	if err := unix.SchedGetaffinity(0, &l.restore); err != nil {
		return fmt.Errorf("ask for the usable cores: %w", err)
	}
	cpus := cpusOf(&l.restore)
	if len(cpus) < 2 {
		return errors.New("a measurement needs two cores: one for the engine under test, one for the load peer")
	}
	l.dutCPU, l.loadCPU = cpus[0], cpus[1]
	rest := cpus[2:]
	if len(rest) == 0 {
		rest = cpus[1:2]
	}
	l.moved = true
	return eachThread(unix.Getpid(), func(tid int) error { return setAffinity(tid, rest...) })
}

func (l *lab) close() error {
	var errs []error
	if l.uplinks != nil {
		errs = append(errs, l.uplinks.close())
	}
	for _, ns := range []*netns.NS{l.dut, l.load} {
		if ns == nil {
			continue
		}
		if err := ns.Close(); err != nil {
			errs = append(errs, fmt.Errorf("remove namespace %s: %w", ns.Name(), err))
		}
	}
	if l.moved {
		errs = append(errs, eachThread(unix.Getpid(), func(tid int) error { return unix.SchedSetaffinity(tid, &l.restore) }))
	}
	return errors.Join(errs...)
}
