package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
)

var native = binary.NativeEndian

// probe has packets forwarded by the engine under test's host, one a millisecond,
// and sees by which uplink each one comes. Those that are sent after the cut and
// still come by the uplink would have been lost.
type probe struct {
	from, to int   // sockets
	uplink   int32 // interface index at the far end
	target   unix.SockaddrInet4
	stopped  atomic.Bool
	ended    sync.WaitGroup

	mu       sync.Mutex
	arrivals []arrival // since arm
}

type arrival struct {
	number uint32
	spare  bool
	sent   int64 // CLOCK_MONOTONIC, ns
}

const (
	probeEvery = time.Millisecond
	probePort  = 9 // discard
)

// startProbe sends from a host behind the engine under test to an address behind the
// uplinks, which namespace load has.
func startProbe(host, load *netns.NS, target netip.Addr) (_ *probe, err error) {
	p := &probe{from: -1, to: -1, target: unix.SockaddrInet4{Port: probePort, Addr: target.As4()}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("probe the uplinks: %w", errors.Join(err, p.closeSockets()))
		}
	}()
	l, err := load.Link(ifname)
	if err != nil {
		return nil, err
	}
	p.uplink = int32(l.Index)
	if p.from, err = udpSocket(host, 0); err != nil {
		return nil, err
	}
	if p.to, err = udpSocket(load, probePort); err != nil {
		return nil, err
	}
	patience := unix.NsecToTimeval(100e6)
	err = errors.Join(unix.SetsockoptInt(p.to, unix.IPPROTO_IP, unix.IP_PKTINFO, 1),
		unix.SetsockoptTimeval(p.to, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience))
	if err != nil {
		return nil, err
	}
	p.ended.Go(p.send)
	p.ended.Go(p.receive)
	return p, nil
}

func udpSocket(ns *netns.NS, port int) (fd int, err error) {
	err = ns.Do(func() error {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	})
	return fd, err
}

// send is at real-time priority: a packet that is late would make an outage longer.
func (p *probe) send() {
	release := urgent()
	defer release()
	var b [12]byte
	next := int64(now())
	for number := uint32(0); !p.stopped.Load(); number++ {
		native.PutUint32(b[:], number)
		native.PutUint64(b[4:], uint64(now()))
		_ = unix.Sendto(p.from, b[:], 0, &p.target)             // without a route it is lost, and counts so
		next = max(next+probeEvery.Nanoseconds(), int64(now())) // what was missed is not made up for
		at := unix.NsecToTimespec(next)
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil)
	}
}

func (p *probe) receive() {
	var b [64]byte
	var control [128]byte
	for !p.stopped.Load() {
		n, m, _, _, err := unix.Recvmsg(p.to, b[:], control[:], 0)
		if err != nil || n < 12 {
			continue
		}
		a := arrival{number: native.Uint32(b[:]), sent: int64(native.Uint64(b[4:])), spare: cameBy(control[:m]) != p.uplink}
		p.mu.Lock()
		p.arrivals = append(p.arrivals, a)
		p.mu.Unlock()
	}
}

// cameBy is the index of the interface by which a packet came.
func cameBy(control []byte) int32 {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range list {
		if m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= 4 {
			return int32(native.Uint32(m.Data))
		}
	}
	return 0
}

// arm forgets what has come so far.
func (p *probe) arm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals = p.arrivals[:0]
}

// outage tells how long after the cut, at t, the first packet was sent that came by
// the spare uplink, in ns, and how many packets were sent in between; 0 and 0 if none
// came by it.
func (p *probe) outage(t int64) (ns int64, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var before, first *arrival
	for i := range p.arrivals {
		switch a := &p.arrivals[i]; {
		case a.sent <= t:
			before = a
		case a.spare && (first == nil || a.sent < first.sent):
			first = a
		}
	}
	if before == nil || first == nil {
		return 0, 0
	}
	return first.sent - t, int(first.number-before.number) - 1
}

func (p *probe) close() error {
	p.stopped.Store(true)
	p.ended.Wait()
	return p.closeSockets()
}

func (p *probe) closeSockets() error {
	var errs []error
	for _, fd := range []int{p.from, p.to} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}
