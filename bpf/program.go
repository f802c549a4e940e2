package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/xbfd/xbfd/packet"
)

// Mode says where in the receive path of an interface the program runs.
type Mode int

// The modes.
const (
	ModeNative  Mode = iota // in the driver, before the kernel makes a socket buffer
	ModeGeneric             // after that: any driver, slower
)

// String returns "native" or "generic".
func (m Mode) String() string {
	if m == ModeGeneric {
		return "generic"
	}
	return "native"
}

// Program is the XDP program of one interface. All of its kernel objects are
// referenced here for as long as it is attached: an object whose last reference
// is lost is closed by the garbage collector, a link with it.
type Program struct {
	tables  *Tables
	ifindex int
	mac     packet.MAC // the interface's own; guarded by tables.mu
	lost    Lost       // the same
	mode    Mode
	objs    objects
	link    link.Link
	heard   error // why nothing is heard, nil when it is
	tc      tc
	live    liveOut
}

// objects are those of the XDP program alone.
type objects struct {
	Xbfd *ebpf.Program `ebpf:"xbfd"`
	xbfdMaps
	xbfdVariables
}

// Load loads an instance of the program for the Ethernet interface ifindex of the
// calling thread's network namespace, with room for the sockets of the given number
// of queues. Enter attaches it.
func Load(t *Tables, ifindex, queues int) (*Program, error) {
	return instance(t, ifindex, queues, room{})
}

func instance(t *Tables, ifindex, queues int, live room) (_ *Program, err error) {
	mac, err := hostMAC(ifindex)
	if err != nil {
		return nil, fmt.Errorf("load XDP program: %w", err)
	}
	p := &Program{ifindex: ifindex, mac: mac, live: liveOut{room: live}}
	if err := p.load(t, queues, 0); err != nil {
		return nil, fmt.Errorf("load XDP program: %w", err)
	}
	if err := errors.Join(t.enlist(p), p.openLive()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Enter attaches the program to its interface, in the network namespace of Load. It
// takes the place of old, if that is not nil, which is detached, with an error too. In
// old's mode no frame finds neither, in the other one all are the kernel's for a
// moment. The error is ErrBusy (a *BusyError) when the interface has another XDP
// program.
func (p *Program) Enter(mode Mode, old *Program) (err error) {
	p.mode = mode
	if old != nil {
		// A link that somebody has detached cannot be updated.
		if old.link != nil && old.mode == mode && old.link.Update(p.objs.Xbfd) == nil {
			p.link, old.link = old.link, nil
		}
		err = old.Detach()
	}
	if p.link != nil || err != nil {
		return err
	}
	flags := link.XDPDriverMode
	if mode == ModeGeneric {
		flags = link.XDPGenericMode
	}
	p.link, err = link.AttachXDP(link.XDPOptions{Program: p.objs.Xbfd, Interface: p.ifindex, Flags: flags})
	if err != nil {
		if busy := Attached(p.ifindex); busy != nil {
			busy.Seek()
			err = busy
		}
		return fmt.Errorf("attach %s XDP program: %w", mode, err)
	}
	return nil
}

// Attach is Load and Enter.
func Attach(t *Tables, ifindex int, mode Mode, queues int) (*Program, error) {
	p, err := Load(t, ifindex, queues)
	if err != nil {
		return nil, err
	}
	if err := p.Enter(mode, nil); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// load loads the program, without what sends when that was not asked for or the
// kernel refuses that part: before Linux 5.18, say. The flags are the kernel's.
func (p *Program) load(t *Tables, queues int, flags uint32) error {
	p.tables, p.live.err = t, fmt.Errorf("%w: %w", ErrNoLive, errNotAsked)
	if p.live.room.frames > 0 {
		err := p.loadHearing(queues, flags)
		if !refused(err) {
			p.live.err = nil
			return err
		}
		p.live = liveOut{err: fmt.Errorf("%w: the kernel refuses the program that sends: %w", ErrNoLive, err)}
	}
	return p.loadHearing(queues, flags)
}

// loadHearing loads the program, without what hears when there are no lanes or
// the kernel refuses that part: where packets cannot be read by whole words, say.
func (p *Program) loadHearing(queues int, flags uint32) error {
	t := p.tables
	p.heard = errNoLanes
	if t.Lanes() != nil {
		p.heard = p.loadAs(queues, true, flags)
		if !refused(p.heard) {
			return p.heard
		}
		p.heard = fmt.Errorf("the kernel refuses the program that hears: %w", p.heard)
	}
	return p.loadAs(queues, false, flags)
}

var errNoLanes = errors.New("switched off")

// refused reports whether the verifier found fault with a program.
func refused(err error) bool {
	var verdict *ebpf.VerifierError
	return errors.As(err, &verdict)
}

func (p *Program) loadAs(queues int, hear bool, flags uint32) error {
	spec, shared, err := p.tables.loadSpec()
	if err != nil {
		return err
	}
	spec.Maps[xbfdMapXsks].MaxEntries = uint32(queues)
	spec.Programs[xbfdProgXbfd].Flags |= flags
	if live := p.live.room; live.frames > 0 {
		spec.Maps[xbfdMapFrames].MaxEntries = uint32(live.workers * live.frames)
		spec.Maps[xbfdMapOrders].MaxEntries = uint32(live.workers)
		if err := spec.Variables[xbfdVarLiveFrames].Set(uint32(live.frames)); err != nil {
			return err
		}
	}
	if err := spec.Variables[xbfdVarHeardOn].Set(hear); err != nil {
		return err
	}
	return spec.LoadAndAssign(&p.objs, &ebpf.CollectionOptions{MapReplacements: shared})
}

// loadSpec reads the object and tells which of its maps are the tables.
func (t *Tables) loadSpec() (*ebpf.CollectionSpec, map[string]*ebpf.Map, error) {
	spec, err := loadXbfd()
	if err != nil {
		return nil, nil, err
	}
	shared := make(map[string]*ebpf.Map)
	for name, m := range t.byName() {
		shared[name] = *m
		spec.Maps[name].MaxEntries = (*m).MaxEntries()
	}
	return spec, shared, nil
}

// Mode returns where the program runs, once Enter has been called.
func (p *Program) Mode() Mode { return p.mode }

// Heard returns nil when the program hears what the lanes expect, else why it
// leaves that to the sockets.
func (p *Program) Heard() error { return p.heard }

// SetSocket hands the frames of one queue to the AF_XDP socket fd, which must
// be bound to it. When the socket is closed they go to the kernel again.
func (p *Program) SetSocket(queue, fd int) error {
	if err := p.objs.Xsks.Put(uint32(queue), uint32(fd)); err != nil {
		return fmt.Errorf("hand queue %d to AF_XDP socket: %w", queue, err)
	}
	return nil
}

// SetMAC tells the program the interface's MAC after a change: frames sent to
// another are the kernel's. That of what lies over it is told by SetUpper.
func (p *Program) SetMAC(mac packet.MAC) error {
	p.tables.mu.Lock()
	p.mac = mac
	p.tables.mu.Unlock()
	return p.tables.enlist(p)
}

// SetLoop says who sends the peer's Echo packets back: the program itself by
// XDP_TX, or, as after Attach, whoever reads the sockets. XDP_TX needs a driver
// that carries it out, and on veth a native program at the other end.
func (p *Program) SetLoop(tx bool) error {
	var on uint8
	if tx {
		on = 1
	}
	if err := p.objs.LoopTx.Set(on); err != nil {
		return fmt.Errorf("tell XDP program how to loop Echo: %w", err)
	}
	return nil
}

// Verdicts returns how many frames met which fate since Attach, by name:
// "heard" or "steered" to a socket, dropped for "ttl", "echo_looped" by the program
// itself, and "pass_…" to the kernel. Those that were heard and answered count as
// "insured" instead of "heard", and "pass_to_tc" as well if the tc program did it.
func (p *Program) Verdicts() (map[string]uint64, error) {
	total := make(map[string]uint64, len(verdictNames))
	var perCPU []uint64
	for v, name := range verdictNames {
		if err := p.objs.Verdicts.Lookup(uint32(v), &perCPU); err != nil {
			return nil, fmt.Errorf("read verdict %s: %w", name, err)
		}
		for _, n := range perCPU {
			total[name] += n
		}
	}
	return total, nil
}

// Attached reports whether the interface still has the program: whoever may can
// detach a link, and an interface that goes takes its link with it.
func (p *Program) Attached() (bool, error) {
	if p.link == nil {
		return false, nil
	}
	info, err := p.link.Info()
	if err != nil {
		return false, fmt.Errorf("ask for XDP link: %w", err)
	}
	return info.XDP() != nil && info.XDP().Ifindex != 0, nil
}

// Detach takes the program and that at tc ingress out of the interface, whose frames
// are the kernel's from then on. What it has counted can be read until Close.
func (p *Program) Detach() error {
	var err error
	if p.link != nil {
		err = p.link.Close()
	}
	p.link = nil
	return errors.Join(err, p.tc.close())
}

// Close detaches the programs and frees what it holds, except for the tables.
func (p *Program) Close() error {
	p.tables.discharge(p)
	return errors.Join(p.Detach(), p.live.mapped.unmap(), p.objs.close())
}

func (o *objects) close() error { return errors.Join(o.Xbfd.Close(), o.xbfdMaps.Close()) }
