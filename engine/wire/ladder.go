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
		err := i.try(r)
		if err == nil {
			i.transport, i.reason = r.transport, r.label
			if len(faults) > 0 {
				i.reason += ": " + strings.Join(faults, "; ")
			}
			return nil
		}
		if f := i.fault(r, err); !slices.Contains(faults, f) {
			faults = append(faults, f)
		}
		if busy := (*bpf.BusyError)(nil); errors.As(err, &busy) {
			i.blocked = busy.ID
		}
		if hopeless(err) {
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
		return fmt.Sprintf("driver %s has no zero copy", driver(i.name))
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
	if i.program == nil || r.mode == bpf.ModeGeneric {
		i.dropXDP()
		room, err := maxRxQueues(i.name)
		if err != nil {
			return err
		}
		if i.program, err = i.attach(r.mode, room); err != nil {
			i.program = nil
			return err
		}
		if err := errors.Join(i.program.SetLoop(i.options.LoopTX), i.followVLANs(true)); err != nil {
			return err
		}
	}
	// Only now: virtio_net adds queues of its own to send by when a native program
	// comes, and then receives by them as well.
	count, err := rxQueues(i.name)
	if err != nil {
		return err
	}
	rx, patience := max(i.options.RxFrames/count, minRxFrames), busyPatience
	if i.past != nil {
		patience = ownPatience
	}
	for id := range count {
		tx := 0
		if id < i.options.Workers {
			tx = i.options.TxFrames // the first queue of each worker sends
		}
		q, err := newQueue(i.ifindex, id, rx, tx, r.zeroCopy, patience)
		if err == nil {
			q.uppers = i.options.Tables.Uppers(int32(i.ifindex))
			i.queues = append(i.queues, q)
			err = i.program.SetSocket(id, q.fd)
		}
		if err != nil {
			err = errors.Join(err, closeAll(i.queues))
			i.queues = nil
			return err
		}
	}
	return nil
}

func (i *Interface) attach(mode bpf.Mode, queues int) (*bpf.Program, error) {
	o := i.options
	if mode == bpf.ModeNative && i.wantsLive() {
		return bpf.AttachLive(o.Tables, i.ifindex, queues, o.Workers, o.TxFrames)
	}
	return bpf.Attach(o.Tables, i.ifindex, mode, queues)
}

// dropXDP undoes what try has left.
func (i *Interface) dropXDP() {
	if i.program != nil {
		_ = i.program.Close()
		i.program = nil
	}
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
