package routes

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Kernel is where routes and addresses stand.
type Kernel interface {
	// Apply carries out ops one after the other and notes in each what became of it.
	// An error means that this is not known of some of them: List tells.
	Apply(ops []Op) error
	// List returns what there is of ours.
	List() ([]Object, error)
	// News tells that something may have changed which was not done by Apply. It is
	// closed by Close.
	News() <-chan News
	// Follow says of what News has to tell.
	Follow(Followed)
	// Sweep removes nexthops of ours that neither a group holds nor keep has.
	Sweep(keep map[Hop]bool) error
	Close() error
}

// Followed is what routes and groups of others may stand in the way of ours.
type Followed struct {
	Prefixes map[netip.Prefix]bool
	Groups   map[uint32]bool
}

// News says what may have changed.
type News struct{ Links bool } // with the interfaces or their addresses; otherwise routes alone

// netlink is the Kernel of the network namespace in which it was opened.
type netlink struct {
	fd   int // of requests
	port uint32
	seq  uint32
	m    message
	buf  []byte

	nexthops map[Hop]uint32  // those of ours, as of the last look and what was done since
	held     map[uint32]bool // by groups, whoever's they are, as of the last look

	*monitor
}

// replies is the memory for answers: some thousands of errors.
const replies = 4 << 20

// maxBatch is how many bytes of messages go to the kernel at a time.
const maxBatch = 32 << 10

// Open returns the Kernel of the network namespace of the calling thread.
func Open() (Kernel, error) {
	fd, err := socket()
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for routes: %w", err)
	}
	k := &netlink{fd: fd, buf: make([]byte, 64<<10), nexthops: make(map[Hop]uint32)}
	own, err := unix.Getsockname(fd)
	if err == nil {
		k.port = own.(*unix.SockaddrNetlink).Pid
		k.monitor, err = newMonitor(k.port)
	}
	if err == nil {
		err = k.links()
	}
	if err != nil {
		if k.monitor != nil {
			k.monitor.shut()
		}
		unix.Close(fd)
		return nil, fmt.Errorf("follow routes: %w", err)
	}
	go k.monitor.run()
	return k, nil
}

func socket() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	// Each of these is a help, and none is needed.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, replies) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, replies)
	}
	for _, option := range []int{unix.NETLINK_CAP_ACK, unix.NETLINK_EXT_ACK, unix.NETLINK_GET_STRICT_CHK} {
		_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, option, 1)
	}
	return fd, nil
}

// Apply implements Kernel. The kernel carries out what one system call hands over
// before that returns, and answers only what it refuses.
func (k *netlink) Apply(ops []Op) error {
	for len(ops) > 0 {
		if k.single(&ops[0]) {
			if err := k.carryOut(&ops[0]); err != nil {
				return err
			}
			ops = ops[1:]
			continue
		}
		first, n := k.seq+1, 0
		k.m.b = k.m.b[:0]
		for n < len(ops) && !k.single(&ops[n]) && len(k.m.b) < maxBatch {
			k.seq++
			op := &ops[n]
			if op.Err = k.knows(op); op.Err != nil {
				// It would not be what was asked for, so it is not asked.
			} else if op.Object.Route() {
				k.m.route(op, k.seq, k.tableOf(op.Object), k.index)
			} else {
				k.m.address(op, k.seq, k.index)
			}
			n++
		}
		if len(k.m.b) > 0 {
			if err := k.exchange(first, ops[:n]); err != nil {
				return err
			}
		}
		ops = ops[n:]
	}
	return nil
}

// single tells whether an op takes more than a message.
func (k *netlink) single(op *Op) bool { return op.Object.ID != 0 || k.beside(op) }

func (k *netlink) carryOut(op *Op) error {
	if op.Object.ID != 0 {
		return k.group(op)
	}
	return k.exchangeBeside(op)
}

// knows refuses what names an interface or a VRF that there is not.
func (k *netlink) knows(op *Op) error {
	missing := func(name string) bool { return name != "" && k.index(name) == 0 }
	if vrf := op.Object.VRF; vrf != "" && k.tableOf(op.Object) == 0 {
		if op.Verb == Remove { // with it went its routes
			return &Refusal{Errno: unix.ESRCH}
		}
		return fmt.Errorf("VRF %s does not exist", vrf)
	}
	if missing(op.Object.Interface) {
		return &Refusal{Errno: unix.ENODEV}
	}
	if op.Verb != Remove {
		for _, h := range op.Object.Hops {
			if missing(h.Interface) {
				return &Refusal{Errno: unix.ENODEV}
			}
		}
	}
	return nil
}

// exchange hands over what is in k.m and reads the answers.
func (k *netlink) exchange(first uint32, ops []Op) error {
	if err := unix.Sendto(k.fd, k.m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		for i := range ops {
			ops[i].Err = err
		}
		return fmt.Errorf("send routes: %w", err)
	}
	for {
		n, _, err := unix.Recvfrom(k.fd, k.buf, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("read answers about routes: %w", err)
		}
		for m := range messages(k.buf[:n]) {
			if errno, text, ok := refusal(m); ok && errno != 0 && m.seq-first < uint32(len(ops)) {
				op := &ops[m.seq-first]
				op.Err = &Refusal{Errno: errno, Text: text, Address: op.Object != nil && op.Object.Interface != ""}
			}
		}
	}
}

// List implements Kernel.
func (k *netlink) List() (list []Object, err error) {
	for range 10 {
		if list, err = k.list(); !errors.Is(err, errInterrupted) {
			break
		}
	}
	return list, err
}

func (k *netlink) list() (list []Object, err error) {
	if list, err = k.groups(); err != nil {
		return nil, fmt.Errorf("list nexthops: %w", err)
	}
	for _, fam := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err = k.dump(unix.RTM_GETROUTE, []byte{fam, 0, 0, 0, 0, Protocol, 0, 0, 0, 0, 0, 0}, func(m received) {
			if o, protocol, ok := parseRoute(m.body, k.name); ok && protocol == Protocol {
				o.vrf = k.vrfOf(o.Table)
				list = append(list, o)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("list routes: %w", err)
		}
	}
	err = k.dump(unix.RTM_GETADDR, make([]byte, unix.SizeofIfAddrmsg), func(m received) {
		if o, protocol, ok := parseAddress(m.body, k.name); ok && protocol == Protocol {
			list = append(list, o)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	k.adopted(list)
	return list, nil
}

// links reads which interfaces there are.
func (k *netlink) links() error {
	err := k.dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(m received) { k.monitor.link(m) })
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	return nil
}

var errInterrupted = errors.New("what is listed changes all the time")

// dump asks for a list.
func (k *netlink) dump(kind uint16, body []byte, each func(received)) error {
	k.seq++
	k.m.b = k.m.b[:0]
	k.m.begin(kind, unix.NLM_F_DUMP, k.seq)
	k.m.b = append(k.m.b, body...)
	k.m.end()
	if err := unix.Sendto(k.fd, k.m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	interrupted := false
	for {
		n, _, err := unix.Recvfrom(k.fd, k.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		for m := range messages(k.buf[:n]) {
			if m.seq != k.seq {
				continue
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case m.kind == unix.NLMSG_DONE && interrupted:
				return errInterrupted
			case m.kind == unix.NLMSG_DONE:
				return nil
			case m.kind == unix.NLMSG_ERROR:
				errno, text, _ := refusal(m)
				return &Refusal{Errno: errno, Text: text}
			}
			each(m)
		}
	}
}

// Close implements Kernel.
func (k *netlink) Close() error {
	k.monitor.shut()
	return unix.Close(k.fd)
}
