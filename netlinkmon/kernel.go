package netlinkmon

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// protocol marks the neighbour entries this package asked for (NDA_PROTOCOL),
// so that they are known again after a crash. The kernel gives the value no
// meaning; no other program's is known to be the same, and xbfd's routes have it too.
const protocol = 184

// kernel asks and answers over a socket of its own.
type kernel struct {
	sockets map[int]*nl.SocketHandle
	keeping uint32 // how to ask for a neighbour to be kept: the only way, or 0 as if on an older kernel
}

func openKernel() (*kernel, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	limit := unix.NsecToTimeval((5 * time.Second).Nanoseconds())
	_ = s.SetReceiveTimeout(&limit)
	return &kernel{
		sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}},
		keeping: netlink.NTF_EXT_MANAGED,
	}, nil
}

func (k *kernel) close() {
	for _, s := range k.sockets {
		s.Close()
	}
}

func (k *kernel) request(kind uint16, flags int) *nl.NetlinkRequest {
	return &nl.NetlinkRequest{
		NlMsghdr: unix.NlMsghdr{
			Len: unix.SizeofNlMsghdr, Type: kind, Flags: unix.NLM_F_REQUEST | uint16(flags),
		},
		Sockets: k.sockets,
	}
}

// dump reads all links and addresses, and routes if asked. What changed while
// it was read makes a list inconsistent, so it is read again then.
func (k *kernel) dump(routes bool) (s *state, err error) {
	for range 10 {
		s = newState()
		err = k.list(routes, func(e event) { s.apply(e, func(subject) {}) })
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return s, err
}

// list goes in an order in which each finds what it refers to.
func (k *kernel) list(routes bool, fn func(event)) error {
	lists := []struct {
		name       string
		ask, reply uint16
		body       nl.NetlinkRequestData
	}{
		{"links", unix.RTM_GETLINK, unix.RTM_NEWLINK, nl.NewIfInfomsg(unix.AF_UNSPEC)},
		{"addresses", unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC)},
		{"routes", unix.RTM_GETROUTE, unix.RTM_NEWROUTE, nl.NewRtMsg()},
	}
	if !routes {
		lists = lists[:2]
	}
	for _, d := range lists {
		req := k.request(d.ask, unix.NLM_F_DUMP)
		req.AddData(d.body)
		err := req.ExecuteIter(unix.NETLINK_ROUTE, d.reply, func(body []byte) bool {
			if e := parse(d.reply, 0, body); e != nil {
				fn(e)
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", d.name, err)
		}
	}
	return nil
}

// neigh reads one neighbour entry; ok says whether there is one.
func (k *kernel) neigh(key neighKey) (n neigh, ok bool, err error) {
	replies, err := k.neighRequest(unix.RTM_GETNEIGH, 0, key, 0).Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if errors.Is(err, unix.ENOENT) {
		return neigh{}, false, nil
	}
	if err != nil {
		return neigh{}, false, fmt.Errorf("read neighbour: %w", err)
	}
	for _, body := range replies {
		if e, is := parse(unix.RTM_NEWNEIGH, 0, body).(neighEvent); is && e.key == key {
			return e.neigh, true, nil
		}
	}
	return neigh{}, false, nil
}

// keep asks the kernel to resolve a neighbour now and to keep it so. Kernels
// before 5.16 do not know the second half and resolve it once.
//
// It must not be asked of a permanent entry, which it would turn into a dynamic
// one: exists says whether a dynamic entry is there.
func (k *kernel) keep(key neighKey, exists bool) error {
	flags := unix.NLM_F_ACK
	if !exists {
		flags |= unix.NLM_F_CREATE | unix.NLM_F_EXCL
	}
	req := k.neighRequest(unix.RTM_NEWNEIGH, flags, key, unix.NTF_USE)
	req.AddData(nl.NewRtAttr(netlink.NDA_FLAGS_EXT, nl.Uint32Attr(k.keeping)))
	req.AddData(nl.NewRtAttr(netlink.NDA_PROTOCOL, []byte{protocol}))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// verify has the kernel ask a neighbour, at the address that it has, whether it is
// still there, and for its address when there is no answer. The kernel does so by
// itself, but may take an entry for right for most of a minute before.
//
// Being kept and a state cannot be asked for at once.
func (k *kernel) verify(key neighKey) error {
	_, err := k.neighRequestIn(unix.NUD_PROBE, unix.RTM_NEWNEIGH, unix.NLM_F_ACK, key, 0).Execute(unix.NETLINK_ROUTE, 0)
	return errors.Join(err, k.keep(key, true))
}

// letGo takes keep back; the entry stays as an ordinary one that the kernel
// removes when it is no longer used.
func (k *kernel) letGo(key neighKey) error {
	_, err := k.neighRequest(unix.RTM_NEWNEIGH, unix.NLM_F_ACK, key, unix.NTF_USE).Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// remove deletes an entry.
func (k *kernel) remove(key neighKey) error {
	_, err := k.neighRequest(unix.RTM_DELNEIGH, unix.NLM_F_ACK, key, 0).Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func (k *kernel) neighRequest(kind uint16, flags int, key neighKey, ntf uint8) *nl.NetlinkRequest {
	return k.neighRequestIn(unix.NUD_NONE, kind, flags, key, ntf)
}

// neighRequestIn is neighRequest for an entry that is to be in a state.
func (k *kernel) neighRequestIn(state, kind uint16, flags int, key neighKey, ntf uint8) *nl.NetlinkRequest {
	req := k.request(kind, flags)
	family := uint8(unix.AF_INET)
	if key.ip.Is6() {
		family = unix.AF_INET6
	}
	req.AddData(&netlink.Ndmsg{Family: family, Index: uint32(key.index), State: state, Flags: ntf})
	req.AddData(nl.NewRtAttr(netlink.NDA_DST, key.ip.AsSlice()))
	return req
}
