package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/packet"
)

// peerOptions are those of the load peer.
type peerOptions struct {
	Sessions int    `json:"sessions"`
	Interval uint32 `json:"interval_us"`
	Mult     int    `json:"mult"`
	FIFO     uint32 `json:"fifo"`  // real-time priority, 0 for none
	Heard    bool   `json:"heard"` // packets that repeat are only counted, by the XDP program
	Live     bool   `json:"live"`  // large batches leave as live frames
}

// peer is the load peer: this module's engine on AF_XDP, with a loop of its own
// that takes in everything.
type peer struct {
	o       peerOptions
	engine  *engine.Engine
	worker  *engine.Worker
	wire    *wire.Interface
	tables  *bpf.Tables
	tap     *tap
	watch   *watch
	index   map[uint32]int // session by discriminator
	events  []engine.Event
	asked   chan func()
	failure failures
	next    session.Time // when the worker wanted to be called
	late    session.Time // how late it was at most
	gone    int          // how often it was so late that its sessions may well have failed
}

// failures are those of our own sessions.
type failures struct {
	downs, declared uint64
}

// runPeer is the load peer's process: it answers requests on in until that ends.
func runPeer(o peerOptions, in io.Reader, out io.Writer) (err error) {
	// The loop allocates nothing; the little that the answers need may stay.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(4 << 30)
	runtime.GOMAXPROCS(4) // a thread in a raw system call keeps its processor
	p := &peer{o: o, index: make(map[uint32]int), asked: make(chan func())}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(); err != nil {
		return fmt.Errorf("load peer: %w", err)
	}
	loop, err := wire.NewLoop(wire.LoopOptions{CPU: -1, Priority: int(p.o.FIFO), Keep: true, Worker: p})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx); stop() }()
	err = p.serve(ctx, in, out)
	stop()
	return errors.Join(err, <-ended)
}

// serve answers requests until there are no more, or the loop has ended.
func (p *peer) serve(ctx context.Context, in io.Reader, out io.Writer) error {
	replies := json.NewEncoder(out)
	requests := json.NewDecoder(in)
	for {
		var r request
		if err := requests.Decode(&r); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var answer reply
		if !p.onLoop(ctx, func() { answer = p.answer(r) }) {
			return nil // it says why itself
		}
		if err := replies.Encode(answer); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// open makes the engine with all its sessions.
func (p *peer) open() error {
	l, err := net.InterfaceByName(ifname)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", ifname, err)
	}
	link := l.Index
	lanes := 0
	if p.o.Heard {
		lanes = p.o.Sessions
	}
	if p.tables, err = bpf.NewTables(p.o.Sessions, lanes); err != nil {
		return err
	}
	transmit := wire.TransmitXDP
	if p.o.Live {
		transmit = wire.TransmitLive
	}
	p.wire, err = wire.Open(link, ifname, wire.Options{
		Transport: wire.TransportXDP, Tables: p.tables, RxFrames: 1 << 14, TxFrames: 1 << 12, Transmit: transmit,
	})
	if err != nil {
		return err
	}
	if p.engine, err = engine.New(engine.Config{Seed: uint64(now()), Lanes: p.tables.Lanes()}); err != nil {
		return err
	}
	p.worker = p.engine.Workers()[0]
	p.watch = newWatch(p.o.Sessions, int64(p.o.Interval)*1000, p.o.Mult)
	if p.o.Heard {
		p.watch.heard = newHearing(p.tables.Lanes(), p.o.Sessions)
	}
	p.tap = newTap(p.wire.Port(0), p.watch, p.watch.interval)
	p.engine.AttachPort(0, int32(link), p.tap)
	for k := range p.o.Sessions {
		if err := p.add(k, int32(link)); err != nil {
			return fmt.Errorf("session %d: %w", k, err)
		}
	}
	return nil
}

func (p *peer) add(k int, link int32) error {
	path := engine.Path{
		Ifindex: link, Local: packet.AddrFrom(remote(k)), Peer: packet.AddrFrom(local(k)),
		LocalMAC: peerMAC, PeerMAC: dutMAC, MACKnown: true,
	}
	discr, err := p.engine.Add(engine.Spec{
		Params: session.Params{DesiredMinTx: p.o.Interval, RequiredMinRx: p.o.Interval, DetectMult: uint8(p.o.Mult)},
		DSCP:   48,
	})
	if err != nil {
		return err
	}
	p.index[discr] = k
	lane := bpf.NoLane
	if l, ok := p.engine.Lane(discr); ok {
		lane = l
	}
	if p.watch.heard != nil {
		p.watch.heard.lane[k] = int32(lane)
	}
	return errors.Join(
		p.tables.SetPeer(bpf.Peer{Ifindex: link, Local: path.Local, Peer: path.Peer}),
		p.tables.AddDiscr(discr, lane), p.engine.SetPath(discr, path))
}

func (p *peer) close() error {
	var errs []error
	if p.wire != nil {
		errs = append(errs, p.wire.Close())
	}
	if p.tables != nil {
		errs = append(errs, p.tables.Close())
	}
	return errors.Join(errs...)
}

// onLoop runs fn between two turns of the loop, and reports false if that ended.
// fn must not wait, see wire.LoopOptions.Keep.
func (p *peer) onLoop(ctx context.Context, fn func()) bool {
	done := make(chan struct{})
	select {
	case p.asked <- func() { fn(); close(done) }:
	case <-ctx.Done():
		return false
	}
	<-done
	return true
}

// tick is how long the loop sleeps at most: it waits for no packet, because
// their arrivals are stamped by the kernel.
const tick = session.Time(250 * session.Microsecond)

// Ports returns none that could be waited on.
func (p *peer) Ports() ([]engine.Port, uint64) { return nil, 0 }

// Step is one turn of the loop.
func (p *peer) Step(t session.Time) session.Time {
	select {
	case fn := <-p.asked:
		fn()
	default:
	}
	if p.next > 0 && t > p.next {
		p.late = max(p.late, t-p.next)
		if t-p.next > session.Time(int64(p.o.Mult-1)*int64(p.o.Interval)*session.Microsecond) {
			p.gone++
		}
	}
	p.next = p.worker.Step(t)
	p.tap.release()
	select {
	case <-p.engine.Notify():
		p.events = p.engine.TakeEvents(p.events[:0])
		p.note(p.events)
	default:
	}
	next := min(p.next, t+tick)
	if p.tap.held > 0 {
		next = min(next, session.Time((p.tap.cursor+1)<<slotBits))
	}
	return next
}

var _ wire.Stepper = (*peer)(nil)

func (p *peer) note(events []engine.Event) {
	for i := range events {
		ev := &events[i]
		k, ok := p.index[ev.Discr]
		if !ok || ev.Transitions == 0 {
			continue
		}
		if ev.Failed {
			p.failure.downs++
			if ev.Failure.Diag == packet.DiagControlExpiry {
				p.failure.declared++
			}
		}
		p.watch.own(k, ev.Change.To == packet.Up, int64(ev.Change.At))
	}
}

func now() session.Time { return wire.Now() }

// sleepUntil is raw so that the runtime does not hand the thread's processor on,
// which would make the loop late.
func sleepUntil(t session.Time) {
	ts := unix.NsecToTimespec(int64(t))
	_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}
