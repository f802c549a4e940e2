package netlinkmon

import (
	"errors"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A batch is what one read gave: events in the kernel's order, or the word
// that some were lost.
type batch struct {
	events []event
	lost   error // why; the next events are later than this read
}

// feed reads the kernel's notifications. One socket serves all kinds, so that
// events of different kinds keep their order.
type feed struct {
	socket  *nl.NetlinkSocket
	batches chan batch
	quit    chan struct{}
}

// receiveBuffer holds some ten thousand neighbour events. Past it the kernel
// drops events, and says so.
const receiveBuffer = 4 << 20

func openFeed() (*feed, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, err
	}
	// Without CAP_NET_ADMIN the system's limit holds, and overruns come sooner.
	if s.SetReceiveBufferSize(receiveBuffer, true) != nil {
		_ = s.SetReceiveBufferSize(receiveBuffer, false)
	}
	return &feed{socket: s, batches: make(chan batch, 16), quit: make(chan struct{})}, nil
}

// followRoutes adds notifications of routes, which a router can have thousands
// of a second, and of what else decides about routes.
func (f *feed) followRoutes() error {
	for _, group := range []int{
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_NEXTHOP,
	} {
		err := unix.SetsockoptInt(f.socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group)
		if group == unix.RTNLGRP_NEXTHOP && errors.Is(err, unix.EINVAL) {
			continue // before Linux 5.3 there were no next-hop objects
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// run reads until close. It ends with batches closed.
func (f *feed) run() {
	defer close(f.batches)
	for {
		b := f.read()
		if b.lost != nil && !f.closed() {
			f.drain()
		} else if len(b.events) == 0 && !f.closed() {
			continue
		}
		select {
		case <-f.quit:
			return
		case f.batches <- b:
		}
	}
}

func (f *feed) closed() bool {
	select {
	case <-f.quit:
		return true
	default:
		return false
	}
}

func (f *feed) read() batch {
	msgs, from, err := f.socket.Receive()
	if err != nil {
		return batch{lost: err}
	}
	var b batch
	if from.Pid != nl.PidKernel {
		return b
	}
	for _, m := range msgs {
		if e := parse(m.Header.Type, m.Header.Flags, m.Data); e != nil {
			b.events = append(b.events, e)
		}
	}
	return b
}

// drain throws away what is queued. The kernel reports an overrun ahead of the
// events that were queued before it; those must not be taken for news after
// everything was read afresh, because what overrode them may be lost.
func (f *feed) drain() {
	time.Sleep(time.Millisecond) // the storm is likely not over
	limit := unix.NsecToTimeval(time.Millisecond.Nanoseconds())
	_ = f.socket.SetReceiveTimeout(&limit)
	defer func() { _ = f.socket.SetReceiveTimeout(&unix.Timeval{}) }()
	for {
		_, _, err := f.socket.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
	}
}

// close makes run end.
func (f *feed) close() {
	close(f.quit)
	f.socket.Close()
}
