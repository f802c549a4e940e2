package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
)

// rung is one way to use AF_XDP, the best first.
type rung struct {
	transport string
	label     string // for people
	mode      bpf.Mode
	zeroCopy  bool
}

var ladder = []rung{
	{"xdp-zerocopy", "native XDP, zero copy", bpf.ModeNative, true},
	{"xdp-native", "native XDP, copy mode", bpf.ModeNative, false},
	{"xdp-generic", "generic XDP, copy mode", bpf.ModeGeneric, false},
}

// climb takes the first rung that bears and says what was wrong with those
// before; below the last one stand UDP sockets.
func (i *Interface) climb() error {
	if i.options.Transport == TransportUDP {
		i.transport, i.reason = TransportUDP, "UDP sockets, as configured"
		return nil
	}
	var faults []string
	for _, r := range ladder {
		if i.options.Transport == TransportGeneric && r.mode != bpf.ModeGeneric {
			continue
		}
		fault, hopeless := i.step(r)
		if fault == "" {
			i.transport, i.reason = r.transport, r.label
			if len(faults) > 0 {
				i.reason += ": " + strings.Join(faults, "; ")
			}
			return nil
		}
		if !slices.Contains(faults, fault) {
			faults = append(faults, fault)
		}
		if hopeless {
			break
		}
	}
	i.dropXDP()
	why := strings.Join(faults, "; ")
	if i.options.Transport != TransportAuto {
		return fmt.Errorf("%w: %s", ErrNoXDP, why)
	}
	i.transport, i.reason = TransportUDP, "UDP sockets: "+why
	return nil
}

// step tries a rung and says what was wrong with it, "" if it bears.
func (i *Interface) step(r rung) (fault string, last bool) {
	if r.zeroCopy && i.copyOnly != "" {
		return i.copyOnly, false
	}
	err := i.try(r)
	if err == nil {
		return "", false
	}
	fault = i.fault(r, err)
	if busy := (*bpf.BusyError)(nil); errors.As(err, &busy) {
		i.blocked = busy.ID
	}
	return fault, hopeless(err)
}

// hopeless errors are no matter of the mode: a lower rung would meet them too.
func hopeless(err error) bool {
	for _, e := range []error{
		errNoTables, bpf.ErrBusy, bpf.ErrNotEthernet, unix.EPERM, unix.EACCES, unix.EAFNOSUPPORT, unix.ENOSYS, unix.EBUSY,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// fault says why a rung did not bear.
func (i *Interface) fault(r rung, err error) string {
	unsupported := errors.Is(err, unix.EOPNOTSUPP)
	var busy *bpf.BusyError
	switch {
	case errors.As(err, &busy):
		return fmt.Sprintf("%v: %s, and xbfd takes the interface", busy, busy.Remedy(i.name))
	case i.program == nil && r.mode == bpf.ModeNative && (errors.Is(err, unix.ERANGE) || errors.Is(err, unix.EINVAL)):
		i.refused = mtu(i.name)
		return fmt.Sprintf("driver %s refuses native XDP at an MTU of %d (%v)", driver(i.name), i.refused, rootOf(err))
	case unsupported && i.program == nil:
		return fmt.Sprintf("driver %s has no %s XDP", driver(i.name), r.mode)
	case unsupported && r.zeroCopy:
		i.copyOnly = fmt.Sprintf("driver %s has no zero copy", driver(i.name))
		return i.copyOnly
	case errors.Is(err, errNoTables) && i.options.NoXDP != nil:
		return reason(i.options.NoXDP)
	}
	return reason(err)
}

var errNoTables = errors.New("no tables for XDP were given")

// try opens every queue of the interface as r says.
func (i *Interface) try(r rung) error {
	if i.options.Tables == nil {
		return errNoTables
	}
	if i.program != nil && i.program.Mode() != r.mode {
		i.loaded, i.program = i.program, nil
		if err := i.loaded.Detach(); err != nil {
			return err
		}
	}
	if i.program == nil {
		if err := i.enter(r.mode); err != nil {
			return err
		}
	}
	// Only now: virtio_net adds queues of its own to send by when a native program
	// comes, and then receives by them as well.
	count, err := rxQueues(i.name)
	if err != nil {
		return err
	}
	for id := range count {
		q, err := i.queue(id, count, r.zeroCopy)
		if err != nil {
			return errors.Join(err, i.closeQueues(i.kept))
		}
		i.queues = append(i.queues, q)
	}
	return nil
}

// direct has frames arrive by the rings. It comes last, because nobody reads new ones
// before the workers have the Ports: until then frames come by the sockets.
func (i *Interface) direct() error {
	for id, q := range i.queues {
		if err := i.program.SetSocket(id, q.fd); err != nil {
			return err
		}
	}
	return nil
}

// enter loads the program, once, and attaches it in the place of that before. What
// takes long is done first, and rings that stay are there from its first frame on.
func (i *Interface) enter(mode bpf.Mode) (err error) {
	if i.loaded == nil {
		if i.loaded, err = i.load(mode); err != nil {
			return err
		}
	}
	before := i.before
	i.before = nil
	if err := i.loaded.Enter(mode, before); err != nil {
		return err
	}
	i.program, i.loaded = i.loaded, nil
	return nil
}

func (i *Interface) load(mode bpf.Mode) (p *bpf.Program, err error) {
	queues, err := maxRxQueues(i.name)
	if err != nil {
		return nil, err
	}
	o := i.options
	if mode == bpf.ModeNative && i.wantsLive() {
		p, err = bpf.LoadLive(o.Tables, i.ifindex, queues, o.Workers, o.TxFrames)
	} else {
		p, err = bpf.Load(o.Tables, i.ifindex, queues)
	}
	if err != nil {
		return nil, err
	}
	errs := []error{p.SetLoop(o.LoopTX), i.followVLANs(p, true)}
	for id, q := range i.kept {
		errs = append(errs, p.SetSocket(id, q.fd))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// queue returns the ring that stays on one of so many queues, or opens one.
func (i *Interface) queue(id, count int, zeroCopy bool) (*queue, error) {
	if id < len(i.kept) {
		return i.kept[id], nil
	}
	rx, tx, patience := max(i.options.RxFrames/count, minRxFrames), 0, busyPatience
	if id < i.options.Workers {
		tx = i.options.TxFrames // the first queue of each worker sends
	}
	if i.past != nil {
		patience = ownPatience
	}
	q, err := newQueue(i.ifindex, id, rx, tx, zeroCopy, patience)
	if err != nil {
		return nil, err
	}
	q.uppers = i.options.Tables.Uppers(int32(i.ifindex))
	return q, nil
}

// closeQueues closes the rings but those that go on.
func (i *Interface) closeQueues(but []*queue) error {
	var errs []error
	for _, q := range i.queues {
		if !slices.Contains(but, q) {
			errs = append(errs, q.close())
		}
	}
	i.queues = nil
	return errors.Join(errs...)
}

// dropXDP undoes what the rungs have left.
func (i *Interface) dropXDP() {
	for _, p := range []*bpf.Program{i.program, i.loaded} {
		if p != nil {
			_ = p.Close()
		}
	}
	i.program, i.loaded = nil, nil
}

// rootOf returns what the kernel said.
func rootOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// mtu returns an interface's, 0 if it cannot be asked for.
func mtu(ifname string) int {
	req, err := unix.NewIfreq(ifname)
	if err != nil {
		return 0
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFMTU, req); err != nil {
		return 0
	}
	return int(req.Uint32())
}

// driver returns the name of an interface's driver.
func driver(ifname string) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "of " + ifname
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, ifname)
	if err != nil {
		return "of " + ifname
	}
	return unix.ByteSliceToString(info.Driver[:])
}
