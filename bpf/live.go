package bpf

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// ErrNoLive says that a kernel or program cannot send live frames.
var ErrNoLive = errors.New("no live frames")

// liveBatch is how many frames the kernel lets the program make before it hands
// them on. On veth 256 at once overflow the far end's ring.
const liveBatch = 64

// LiveFrame is one frame to send, as struct frame in src/live.h.
type LiveFrame struct {
	Len  uint64 // bytes of Data that are the frame: 14 at least
	Data [packet.MaxFrame]byte
}

// order has the layout of struct order in src/live.h.
type order struct {
	next, end, lost uint64
	_               [5]uint64
}

// room says how much is set aside for live frames; none without frames.
type room struct{ workers, frames int }

// liveOut is the program's part in sending live frames.
type liveOut struct {
	room   room
	err    error // why there is none
	frames []LiveFrame
	orders []order
	mapped mappings
}

var errNotAsked = errors.New("not asked for")

// Live is one worker's way to send many frames by one system call
// (BPF_PROG_RUN with live frames, Linux 5.18). It belongs to that worker, and
// must not be used after the Program is closed.
type Live struct {
	Frames []LiveFrame // for the worker to fill, from the front

	order *order
	attr  testRun
}

// testRun is what the kernel's union bpf_attr has for BPF_PROG_RUN.
type testRun struct {
	progFD, retval           uint32
	dataSizeIn, dataSizeOut  uint32
	dataIn, dataOut          uint64
	repeat, duration         uint32
	ctxSizeIn, ctxSizeOut    uint32
	ctxIn, ctxOut            uint64
	flags, cpu, batchSize, _ uint32
}

// liveFlag is BPF_F_TEST_XDP_LIVE_FRAMES.
const liveFlag = 2

// loopbackIndex is that of the loopback interface of every network namespace.
const loopbackIndex = 1

// LoadLive is Load of a program that can also send, in native mode, for so many
// workers with so many frames each. Where that cannot be had, Live says so.
func LoadLive(t *Tables, ifindex, queues, workers, frames int) (*Program, error) {
	if ifindex == loopbackIndex {
		return nil, fmt.Errorf("load XDP program for loopback: %w: they come from there", ErrNoLive)
	}
	return instance(t, ifindex, queues, room{workers, frames})
}

// openLive tells the program of the interface, and tries whether the kernel runs
// it as it must.
func (p *Program) openLive() error {
	if p.live.err != nil {
		return nil // Live will say so
	}
	if err := p.mapLive(); err != nil {
		return err
	}
	if err := p.objs.Outlet.Put(uint32(0), uint32(p.ifindex)); err != nil {
		return fmt.Errorf("tell XDP program its interface: %w", err)
	}
	l, err := p.Live(0)
	if err != nil {
		return err
	}
	if errno := l.run(1); errno != 0 {
		p.live.err = fmt.Errorf("%w: the kernel does not run them: %w", ErrNoLive, errno)
	}
	return nil
}

func (p *Program) mapLive() (err error) {
	if p.live.frames, err = mapArray[LiveFrame](&p.live.mapped, p.objs.Frames); err != nil {
		return err
	}
	p.live.orders, err = mapArray[order](&p.live.mapped, p.objs.Orders)
	return err
}

// Live returns what a worker sends live frames by. The error is ErrNoLive where
// there are none.
func (p *Program) Live(worker int) (*Live, error) {
	if p.live.err != nil {
		return nil, p.live.err
	}
	n := p.live.room.frames
	l := &Live{Frames: p.live.frames[worker*n : (worker+1)*n : (worker+1)*n], order: &p.live.orders[worker]}
	l.attr = testRun{
		progFD: uint32(p.objs.Xbfd.FD()), flags: liveFlag, batchSize: liveBatch,
		// Its bytes do not matter, its length names the worker.
		dataIn:     uint64(uintptr(unsafe.Pointer(&p.live.frames[0]))),
		dataSizeIn: uint32(packet.MaxFrame + worker),
	}
	return l, nil
}

// Send sends the first n of Frames. taken is how many the program came to, and
// lost how many of those it could not hand to the interface; it does not know
// what the driver made of the others. With an errno it did not come to all.
func (l *Live) Send(n int) (taken, lost int, errno unix.Errno) {
	*l.order = order{end: uint64(n)}
	for taken < n {
		errno = l.run(n - taken)
		before := taken
		taken = int(l.order.next)
		// A signal, which the runtime sends often, ends the call after a batch.
		if errno != unix.EINTR || taken == before {
			break
		}
	}
	return taken, int(l.order.lost), errno
}

// run has the program run so often. Raw: it is over in microseconds.
func (l *Live) run(repeat int) unix.Errno {
	l.attr.repeat = uint32(repeat)
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN,
		uintptr(unsafe.Pointer(&l.attr)), unsafe.Sizeof(l.attr))
	return errno
}
