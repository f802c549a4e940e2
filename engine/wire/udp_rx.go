package wire

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// udpReader receives from one UDP socket. The worker that owns it calls
// everything but failed.
type udpReader struct {
	fd   int
	v4   bool
	port uint16 // the destination of all that it reads
	wide bool   // it is bound to no device: where the sysctl udp_l3mdev_accept is set, also VRFs' datagrams come by it

	// The datagrams of one set are delivered while those of the other are still
	// lent: a Receive takes fewer than a set holds.
	sets   [2]*udpSet
	set    int // the one being delivered
	next   int // its first datagram that waits
	filled int // how many it holds

	now     session.Time // of the present Receive
	drained session.Time // when the socket was last seen empty

	dropped uint64 // what lost answered last
	drops   uint32 // and the kernel's own counter then

	failed atomic.Uint64 // reads that failed
}

// openReaders opens the receive sockets of the families that the kernel has. Where
// spare they are a second path, and why one is missing is told; alone they are the
// only one, and none may be missing.
func openReaders(open func(family int) (*udpReader, error), spare bool) (list []*udpReader, missing, err error) {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		r, err := open(family)
		switch {
		case err == nil:
			list = append(list, r)
		case errors.Is(err, unix.EAFNOSUPPORT):
			// Nothing can arrive by a family that the kernel does not have.
		case !spare:
			return list, missing, err
		case missing == nil:
			missing = err
		}
	}
	return list, missing, nil
}

// udpPlace says what a socket receives.
type udpPlace struct {
	device string // an interface or a VRF's device; "" is all of the default VRF
	index  int    // instead of its name; 0: that is given
	port   uint16
	// beside are sockets with the same port that the kernel would take for the same
	// place: one of them is bound to a device and another to none.
	beside []*udpReader
}

// newUDPReader opens a reader of one family (unix.AF_INET or AF_INET6) in the
// calling thread's network namespace. The port is not shared: a program that has
// it keeps it, and the error then is a *PortTakenError.
func newUDPReader(at udpPlace, family int) (*udpReader, error) {
	fd, err := at.open(family)
	if err != nil {
		return nil, err
	}
	return &udpReader{
		fd: fd, v4: family == unix.AF_INET, port: at.port, wide: at.device == "",
		sets: [2]*udpSet{newUDPSet(), newUDPSet()}, drained: Now(),
	}, nil
}

func (at udpPlace) open(family int) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open UDP socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := at.prepare(fd, family); err != nil {
		return -1, err
	}
	if err := at.bind(fd, family); err != nil {
		if errors.Is(err, unix.EADDRINUSE) {
			err = portOwner(int(at.port), family)
		}
		return -1, fmt.Errorf("bind UDP socket: %w", err)
	}
	return fd, nil
}

// bind shares the port with the sockets beside this one, and for no longer than
// that takes: the kernel looks at it while one is bound. So nobody else shares it.
func (at udpPlace) bind(fd, family int) error {
	share := func(on int) error {
		if len(at.beside) == 0 {
			return nil
		}
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, on)
		for _, r := range at.beside {
			err = errors.Join(err, unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, on))
		}
		return err
	}
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(at.port)}
	if family == unix.AF_INET6 {
		sa = &unix.SockaddrInet6{Port: int(at.port)}
	}
	err := share(1)
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	return errors.Join(err, share(0))
}

func (at udpPlace) prepare(fd, family int) error {
	type option struct{ level, name int }
	options := []option{{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS}}
	if family == unix.AF_INET {
		options = append(options, option{unix.IPPROTO_IP, unix.IP_RECVTTL}, option{unix.IPPROTO_IP, unix.IP_PKTINFO})
	} else {
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
			option{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT}, option{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, 1); err != nil {
			return fmt.Errorf("set UDP socket option %d: %w", o.name, err)
		}
	}
	var err error
	switch {
	case at.index != 0:
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, at.index)
	case at.device != "":
		err = unix.BindToDevice(fd, at.device)
	}
	if err != nil {
		return fmt.Errorf("bind UDP socket to %s: %w", cmp.Or(at.device, "the VRF"), err)
	}
	return nil
}

func (r *udpReader) close() error { return unix.Close(r.fd) }

// refresh reads what waits in the socket. What the last Receive did not take
// stays in front: nothing older can lie behind it.
func (r *udpReader) refresh(now session.Time) {
	r.now = now
	if r.next == r.filled {
		r.read()
	}
}

// read fills the other set and makes it the one being delivered.
func (r *udpReader) read() {
	r.set ^= 1
	set := r.sets[r.set]
	n, errno := set.read(r.fd)
	if errno != 0 && errno != unix.EAGAIN {
		r.failed.Add(1) // an error pending on the socket is told once; the data follow
		n, _ = set.read(r.fd)
	}
	r.next, r.filled = 0, n
	if n > 0 {
		r.date(set, n)
	}
	if n < udpSetSize {
		r.drained = r.now
	}
}

// date finds out when the first n datagrams of a set arrived. The kernel's time
// is wall clock, which may be stepped: it serves as an age, and only when the
// datagram can be that old, which is since the socket was last seen empty.
// Otherwise, and when it came while Receive was at work, a datagram arrived
// when it was read.
func (r *udpReader) date(set *udpSet, n int) {
	read := time.Now()
	wall, mono := read.UnixNano(), session.Time(read.Sub(clockBase)+clockOffset)
	for i := range n {
		a := &set.told[i]
		a.parse(set.control(i))
		at := mono - session.Time(wall-a.wall)
		if a.wall == 0 || at-r.drained < 0 || at-r.now > 0 {
			at = r.now
		}
		set.arrivals[i] = at
	}
}

// head returns when the next datagram arrived, Never when there is none.
func (r *udpReader) head() session.Time {
	if r.next == r.filled {
		return session.Never
	}
	return r.sets[r.set].arrivals[r.next]
}

// take delivers the next datagram. The kernel has verified its checksum.
func (r *udpReader) take(rx *engine.Rx) {
	set, i := r.sets[r.set], r.next
	rx.Arrival, rx.Frame, rx.Ifindex = set.arrivals[i], nil, 0
	rx.Datagram = packet.Datagram{
		Dst: set.told[i].dst, DstPort: r.port, TTL: set.told[i].ttl, Payload: set.payload(i),
	}
	rx.Src, rx.SrcPort = set.source(i, r.v4)
	if r.wide {
		rx.Ifindex = set.told[i].via
	}
	if len(rx.Payload) < packet.ControlLen {
		rx.Drop = packet.DropShort
	}
	if r.next++; r.next == udpSetSize {
		r.read()
	}
}
