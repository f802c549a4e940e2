package wire

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
)

const (
	rawBatch    = 64 // frames sent by one system call
	tcPrioCtl   = 7  // TC_PRIO_CONTROL: before all other traffic in a priority queue
	rawSendRoom = 1 << 20
)

// rawSockets are an interface's sockets for sending whole IP packets: the
// kernel finds the neighbour and writes the Ethernet header. A family that the
// host does not have has -1.
type rawSockets struct{ v4, v6 int }

var noRaw = rawSockets{v4: -1, v6: -1}

func openRaw(ifname string) (rawSockets, error) {
	v4, err := openRawSocket(ifname, unix.AF_INET, unix.IPPROTO_IP, unix.IP_HDRINCL)
	if err != nil {
		return noRaw, fmt.Errorf("open raw IPv4 socket: %w", err)
	}
	v6, err := openRawSocket(ifname, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return noRaw, errors.Join(fmt.Errorf("open raw IPv6 socket: %w", err), unix.Close(v4))
	}
	return rawSockets{v4, v6}, nil
}

func openRawSocket(ifname string, family, level, headerIncluded int) (int, error) {
	// A socket of protocol RAW receives nothing.
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, err
	}
	// A wish only: older kernels ask for CAP_NET_ADMIN.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, tcPrioCtl)
	err = errors.Join(
		unix.SetsockoptInt(fd, level, headerIncluded, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, rawSendRoom),
		unix.BindToDevice(fd, ifname))
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (s rawSockets) close() error {
	var errs []error
	for _, fd := range []int{s.v4, s.v6} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// rawTx collects one worker's frames for the raw sockets.
type rawTx struct {
	frames [rawBatch][engine.MaxFrame]byte
	used   int // frames committed
	v4, v6 rawBatchOf
	failed int // frames given up since the last flush

	errors atomic.Uint64 // the same since the start
}

// rawBatchOf is what waits for the socket of one family.
type rawBatchOf struct {
	fd    int
	n     int
	msgs  [rawBatch]mmsghdr
	iovs  [rawBatch]unix.Iovec
	names [rawBatch]unix.RawSockaddrInet6 // large enough for both families
}

// newRawTx makes the buffers for one worker. Link-local destinations are of the
// interface ifindex.
func newRawTx(s rawSockets, ifindex int) *rawTx {
	t := new(rawTx)
	t.v4.fd, t.v6.fd = s.v4, s.v6
	for i := range rawBatch {
		t.v4.init(i, unix.AF_INET, unix.SizeofSockaddrInet4)
		t.v6.init(i, unix.AF_INET6, unix.SizeofSockaddrInet6)
		t.v6.names[i].Scope_id = uint32(ifindex)
	}
	return t
}

func (b *rawBatchOf) init(i int, family uint16, nameLen uint32) {
	b.names[i].Family = family
	h := &b.msgs[i].hdr
	h.Name, h.Namelen, h.Iov = (*byte)(unsafe.Pointer(&b.names[i])), nameLen, &b.iovs[i]
	h.SetIovlen(1)
}

// alloc returns a buffer for one frame, the same one until it is committed.
func (t *rawTx) alloc() []byte {
	if t.used == rawBatch {
		t.push()
	}
	return t.frames[t.used][:]
}

// commit queues the first n bytes of alloc's last buffer, whose IP header
// starts at l3. The destination is read from that header.
func (t *rawTx) commit(n, l3 int) {
	frame := t.frames[t.used][:n]
	t.used++
	switch {
	case l3+20 <= n && frame[l3]>>4 == 4:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&t.v4.names[t.v4.n]))
		copy(sa.Addr[:], frame[l3+16:l3+20])
		t.v4.add(frame[l3:])
	case l3+40 <= n && frame[l3]>>4 == 6:
		copy(t.v6.names[t.v6.n].Addr[:], frame[l3+24:l3+40])
		t.v6.add(frame[l3:])
	default:
		t.fail(1)
	}
}

func (b *rawBatchOf) add(ip []byte) {
	b.iovs[b.n].Base = &ip[0]
	b.iovs[b.n].SetLen(len(ip))
	b.n++
}

// flush sends what was committed and returns how many frames were given up
// since the last call.
func (t *rawTx) flush() (failed int) {
	if t.used > 0 {
		t.push()
	}
	failed, t.failed = t.failed, 0
	return failed
}

func (t *rawTx) push() {
	t.fail(t.v4.send())
	t.fail(t.v6.send())
	t.used = 0
}

func (t *rawTx) fail(n int) {
	if n > 0 {
		t.failed += n
		t.errors.Add(uint64(n))
	}
}

// send sends the batch and returns how many messages the kernel refused. The
// kernel stops at the first one that it refuses: the rest is tried again
// without it, unless the fault is the interface's.
func (b *rawBatchOf) send() (failed int) {
	for at := 0; at < b.n; {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(b.fd),
			uintptr(unsafe.Pointer(&b.msgs[at])), uintptr(b.n-at), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			at += int(sent)
		case unix.ENETDOWN, unix.ENODEV, unix.ENXIO, unix.EBADF, unix.ENOBUFS, unix.EAGAIN:
			failed += b.n - at
			at = b.n
		default:
			failed++
			at++
		}
	}
	b.n = 0
	return failed
}
