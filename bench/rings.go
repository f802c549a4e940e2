package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/packet"
)

// RingsResult is what one frame costs on one way to send or receive it.
type RingsResult struct {
	Way       string  `json:"way"`
	Batch     int     `json:"batch"`
	Frames    int     `json:"frames"`
	NS        float64 `json:"cpu_ns_per_frame"`
	PPS       float64 `json:"pps"` // one core alone
	Refused   int     `json:"refused"`
	Kernel    string  `json:"kernel"`
	Transport string  `json:"transport"`
}

// way sends or receives about n frames and says how many, and how many were
// refused.
type way struct {
	name  string
	batch int
	open  func(*ringsLab) (run func(n int) (frames, refused int, err error), err error)
}

var ways = []way{
	{"own rings, send", 1, ownSend(1)},
	{"own rings, send", 32, ownSend(32)},
	{"own rings, send", 128, ownSend(128)},
	{"asavie/xdp, send", 32, asavieSend},
	{"sendmmsg", 32, mmsgSend},
	{"sendto", 1, plainSend},
}

// Rings measures the ways to send frames, for about o.Hold in all, and writes
// what each costs to out. The far end of the veth drops everything at once.
func Rings(ctx context.Context, o Options, out, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	say := newPrinter(out, progress, o.JSON)
	say.line("%-18s %6s %12s %12s %9s", "way", "batch", "ns/frame", "frames/s", "refused")
	for _, w := range ways {
		if ctx.Err() != nil {
			return explain(ctx, context.Cause(ctx))
		}
		say.progress("%s, %d at once", w.name, w.batch)
		res, err := measureWay(ctx, w, o.Hold/time.Duration(len(ways)))
		if err != nil {
			return explain(ctx, fmt.Errorf("%s: %w", w.name, err))
		}
		say.line("%-18s %6d %12.0f %12.0f %9d", res.Way, res.Batch, res.NS, res.PPS, res.Refused)
		if err := say.object(res); err != nil {
			return err
		}
	}
	return nil
}

// atATime is how many frames are sent between two looks at the clock.
const atATime = 4096

func measureWay(ctx context.Context, w way, d time.Duration) (res *RingsResult, err error) {
	l, err := newRingsLab(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var run func(int) (int, int, error)
	if err := l.lab.dut.Do(func() (err error) { run, err = w.open(l); return err }); err != nil {
		return nil, err
	}
	res = &RingsResult{Way: w.name, Batch: w.batch, Kernel: kernelRelease(), Transport: "veth"}
	done := make(chan error, 1)
	go func() { done <- res.fill(ctx, run, l.lab.dutCPU, d) }()
	return res, <-done
}

// fill runs on a thread of its own, which ends with it.
func (res *RingsResult) fill(ctx context.Context, run func(int) (int, int, error), cpu int, d time.Duration) error {
	runtime.LockOSThread()
	if err := setAffinity(0, cpu); err != nil {
		return err
	}
	if _, _, err := run(atATime); err != nil { // warm
		return err
	}
	before, err := threadTime()
	if err != nil {
		return err
	}
	for start := time.Now(); time.Since(start) < d && ctx.Err() == nil; {
		n, refused, err := run(atATime)
		if err != nil {
			return err
		}
		res.Frames, res.Refused = res.Frames+n, res.Refused+refused
	}
	after, err := threadTime()
	if err != nil {
		return err
	}
	res.NS = float64(after-before) / float64(max(res.Frames, 1))
	res.PPS = 1e9 / res.NS
	return nil
}

// ringsLab is a lab with one session, whose far end drops every frame.
type ringsLab struct {
	lab     *lab
	ifindex int
	closers []func() error
}

func newRingsLab(ctx context.Context) (_ *ringsLab, err error) {
	l := new(ringsLab)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.lab, err = newLab(ctx, 1); err != nil {
		return nil, err
	}
	near, err := l.lab.dut.Link(ifname)
	if err != nil {
		return nil, err
	}
	l.ifindex = near.Index
	far, err := l.lab.load.Link(ifname)
	if err != nil {
		return nil, err
	}
	return l, l.lab.load.Do(func() error { return l.dropAll(far.Index) })
}

func (l *ringsLab) dropAll(ifindex int) error {
	const drop = 1 // XDP_DROP
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, drop), asm.Return()},
	})
	if err != nil {
		return fmt.Errorf("load a program that drops: %w", err)
	}
	l.closers = append(l.closers, p.Close)
	at, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: ifindex, Flags: link.XDPDriverMode})
	if err != nil {
		return fmt.Errorf("attach a program that drops: %w", err)
	}
	l.closers = append(l.closers, at.Close)
	return nil
}

func (l *ringsLab) close() error {
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i]())
	}
	if l.lab != nil {
		errs = append(errs, l.lab.close())
	}
	return errors.Join(errs...)
}

func ringsTemplate() *packet.Template {
	t := new(packet.Template)
	t.Render(&packet.Path{
		SrcMAC: dutMAC, DstMAC: peerMAC, Src: packet.AddrFrom(local(0)), Dst: packet.AddrFrom(remote(0)),
		SrcPort: 49152, DstPort: packet.PortControl, DSCP: 48,
	}, &packet.Control{State: packet.Down, DetectMult: 3, MyDiscr: 1, DesiredMinTx: 1e6, RequiredMinRx: 1e6}, nil)
	return t
}

// sendBy sends through a Port of engine/wire.
func (l *ringsLab) sendBy(transport string, l2 bool, batch int) (func(int) (int, int, error), error) {
	o := wire.Options{Transport: transport}
	if transport == wire.TransportXDP {
		tables, err := bpf.NewTables(16, 0)
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, tables.Close)
		o.Tables = tables
	}
	i, err := wire.Open(l.ifindex, ifname, o)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, i.Close)
	var p engine.Port = i.Port(0)
	t := ringsTemplate()
	return func(n int) (sent, refused int, err error) {
		for sent < n {
			for range batch {
				buf := p.Alloc(l2)
				if buf == nil {
					return sent, refused, errors.New("no room for a frame")
				}
				p.Commit(t.Put(buf, 0), t.L3())
			}
			refused += p.Flush()
			sent += batch
		}
		return sent, refused, nil
	}, nil
}

func ownSend(batch int) func(*ringsLab) (func(int) (int, int, error), error) {
	return func(l *ringsLab) (func(int) (int, int, error), error) {
		return l.sendBy(wire.TransportXDP, true, batch)
	}
}

func mmsgSend(l *ringsLab) (func(int) (int, int, error), error) {
	return l.sendBy(wire.TransportUDP, false, 32)
}

// plainSend is what most daemons do: one system call for each packet.
func plainSend(l *ringsLab) (func(int) (int, int, error), error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", err)
	}
	l.closers = append(l.closers, func() error { return unix.Close(fd) })
	t := ringsTemplate()
	frame := make([]byte, packet.MaxFrame)
	payload := frame[t.BFD():t.Put(frame, 0)]
	to := &unix.SockaddrInet4{Port: packet.PortControl, Addr: remote(0).As4()}
	return func(n int) (sent, refused int, err error) {
		for range n {
			if err := unix.Sendto(fd, payload, 0, to); err != nil {
				refused++
			}
		}
		return n, refused, nil
	}, nil
}

// asavieSend uses github.com/asavie/xdp. It is not closed: that package keeps its
// rings mapped for good, and they go with the process.
func asavieSend(l *ringsLab) (func(int) (int, int, error), error) {
	s, err := xdp.NewSocket(l.ifindex, 0, &xdp.SocketOptions{
		NumFrames: 256, FrameSize: 2048, FillRingNumDescs: 128, CompletionRingNumDescs: 128,
		RxRingNumDescs: 128, TxRingNumDescs: 128,
	})
	if err != nil {
		return nil, fmt.Errorf("open a socket of asavie/xdp: %w", err)
	}
	t := ringsTemplate()
	frame := make([]byte, packet.MaxFrame)
	frame = frame[:t.Put(frame, 0)]
	return func(n int) (sent, refused int, err error) {
		for sent < n {
			descs := s.GetDescs(32)
			for i := range descs {
				descs[i].Len = uint32(copy(s.GetFrame(descs[i]), frame))
			}
			sent += s.Transmit(descs)
			s.Complete(s.NumCompleted())
		}
		return sent, 0, nil
	}, nil
}
