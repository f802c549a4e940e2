package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
)

// fib follows the kernel's routes in the namespace of the engine under test by what
// the kernel tells of each change. Its instants are those of reading, by a thread at
// real-time priority on the load peer's core: late by some microseconds, never early.
type fib struct {
	*exits
	fd            int
	uplink, spare uint32              // interface indexes
	known         []map[uint32]uint32 // of each prefix: interface by metric
	covered       bool                // the spare uplink takes what has no route of its own
	stopped       atomic.Bool
	ended         chan struct{}
	lost          atomic.Uint64 // how often the kernel had to leave some out
}

// fibBuffer holds the notifications of some thousands of changes.
const fibBuffer = 16 << 20

// prefix is the k-th of those that are reached by the uplinks.
func prefix(k int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(k >> 8), byte(k), 0}), prefixBits)
}

const prefixBits = 24

// everyPrefix covers them all.
var everyPrefix = netip.MustParsePrefix("10.0.0.0/8")

// prefixOf is the number of a prefix whose first bytes are these.
func prefixOf(b []byte) int { return int(b[1])<<8 | int(b[2]) }

func followRoutes(ns *netns.NS, routes int) (*fib, error) {
	f := &fib{exits: newExits(routes), known: make([]map[uint32]uint32, routes), ended: make(chan struct{})}
	for k := range f.known {
		f.known[k] = make(map[uint32]uint32)
	}
	for name, index := range map[string]*uint32{ifname: &f.uplink, spareName: &f.spare} {
		l, err := ns.Link(name)
		if err != nil {
			return nil, err
		}
		*index = uint32(l.Index)
	}
	err := ns.Do(func() (err error) {
		f.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("follow routes: %w", err)
	}
	// A look at the end now and then, in place of a wake-up from another thread.
	patience := unix.NsecToTimeval(100e6)
	err = errors.Join(
		unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, fibBuffer),
		unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience),
		unix.Bind(f.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_IPV4_ROUTE - 1)}))
	if err != nil {
		unix.Close(f.fd)
		return nil, fmt.Errorf("follow routes: %w", err)
	}
	go f.run()
	return f, nil
}

func (f *fib) run() {
	defer close(f.ended)
	release := urgent()
	defer release()
	buf := make([]byte, 64<<10)
	for !f.stopped.Load() {
		n, _, err := unix.Recvfrom(f.fd, buf, 0)
		at := int64(now())
		if errors.Is(err, unix.ENOBUFS) {
			f.lost.Add(1)
		}
		if err != nil {
			continue
		}
		list, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			continue
		}
		for i := range list {
			f.take(&list[i], at)
		}
	}
}

// urgent keeps the calling goroutine on a thread at real-time priority until release.
// Without the right to it is not urgent.
func urgent() (release func()) {
	runtime.LockOSThread()
	_ = setPolicy(0, unix.SCHED_FIFO, peerPriority)
	return func() {
		_ = setPolicy(0, unix.SCHED_NORMAL, 0)
		runtime.UnlockOSThread()
	}
}

// take looks at a change. There may be routes of several metrics to a prefix, of
// which the lowest counts.
func (f *fib) take(m *syscall.NetlinkMessage, at int64) {
	if m.Header.Type != unix.RTM_NEWROUTE && m.Header.Type != unix.RTM_DELROUTE || len(m.Data) < unix.SizeofRtMsg {
		return
	}
	k, metric, link, ok := routeIn(m)
	if !ok || k >= len(f.known) {
		return
	}
	if m.Header.Type == unix.RTM_DELROUTE {
		delete(f.known[k], metric)
	} else {
		f.known[k][metric] = link
	}
	f.set(k, f.best(k), at)
}

// best is where packets to prefix k go.
func (f *fib) best(k int) exit {
	lowest, link := uint32(0), uint32(0)
	for metric, l := range f.known[k] {
		if link == 0 || metric < lowest {
			lowest, link = metric, l
		}
	}
	switch {
	case link == f.uplink:
		return byUplink
	case link == f.spare, link == 0 && f.covered:
		return bySpare
	}
	return noExit
}

// routeIn reads what is needed of a route: the prefix's number, the metric, the
// interface.
func routeIn(m *syscall.NetlinkMessage) (k int, metric, link uint32, ok bool) {
	if m.Data[0] != unix.AF_INET || m.Data[1] != prefixBits || m.Data[7] != unix.RTN_UNICAST {
		return 0, 0, 0, false
	}
	attributes, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return 0, 0, 0, false
	}
	for _, a := range attributes {
		if len(a.Value) < 4 {
			continue
		}
		switch a.Attr.Type {
		case unix.RTA_DST:
			k, ok = prefixOf(a.Value), a.Value[0] == everyPrefix.Addr().As4()[0]
		case unix.RTA_PRIORITY:
			metric = native.Uint32(a.Value)
		case unix.RTA_OIF:
			link = native.Uint32(a.Value)
		case unix.RTA_MULTIPATH:
			link = heaviest(a.Value)
		}
	}
	return k, metric, link, ok
}

// heaviest is the interface of the nexthop that has the most weight of several.
func heaviest(hops []byte) (link uint32) {
	most := -1
	for len(hops) >= unix.SizeofRtNexthop {
		if weight := int(hops[3]); weight > most {
			most, link = weight, native.Uint32(hops[4:])
		}
		n := int(native.Uint16(hops))
		if n < unix.SizeofRtNexthop || n > len(hops) {
			break
		}
		hops = hops[n:]
	}
	return link
}

func (f *fib) close() error {
	f.stopped.Store(true)
	<-f.ended
	return unix.Close(f.fd)
}
