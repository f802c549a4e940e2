package routes

import (
	"errors"

	"golang.org/x/sys/unix"
)

// firstNexthop is where the ids of our nexthops begin; those of groups are below. FRR
// counts its own from 1 and does not come so far.
const firstNexthop = 1 << 31

// bare returns h as a nexthop has it: the weight is the group's affair.
func (h Hop) bare() Hop { return Hop{Gateway: h.Gateway, Interface: h.Interface} }

// group carries out an Op of a nexthop group: in one message, if each of its gateways
// has a nexthop already. An error means that nothing is known of it.
func (k *netlink) group(op *Op) error {
	if op.Err = k.knows(op); op.Err != nil {
		return nil
	}
	if op.Verb != Add {
		// Unlike routes, nexthops are changed and removed whoever they belong to.
		switch n, err := k.get(op.Object.ID); {
		case err != nil:
			op.Err = err
			return nil
		case n.protocol != Protocol:
			op.Err = &Refusal{Errno: unix.ENOENT}
			return nil
		}
	}
	if op.Verb == Remove {
		return k.one(op, func(seq uint32) { k.m.byID(unix.RTM_DELNEXTHOP, op.Object.ID, seq) })
	}
	if err := k.ready(op); err != nil || op.Err != nil {
		return err
	}
	id := func(h Hop) uint32 { return k.nexthops[h.bare()] }
	err := k.one(op, func(seq uint32) { k.m.group(op, seq, id) })
	if err == nil && errors.Is(op.Err, unix.EINVAL) { // a nexthop went with its link
		if _, err = k.groups(); err == nil {
			err = k.ready(op)
		}
		if err == nil && op.Err == nil {
			err = k.one(op, func(seq uint32) { k.m.group(op, seq, id) })
		}
	}
	return err
}

// one hands over the message that write makes, and notes in op what became of it.
func (k *netlink) one(op *Op, write func(seq uint32)) error {
	k.seq++
	k.m.b = k.m.b[:0]
	write(k.seq)
	single := []Op{{}}
	err := k.exchange(k.seq, single)
	op.Err = single[0].Err
	if r, ok := op.Err.(*Refusal); ok {
		r.Group = op.Object == nil || op.Object.ID != 0 // without an Object a nexthop alone
	}
	return err
}

// ready sees to it that there is a nexthop to each gateway of a group.
func (k *netlink) ready(op *Op) error {
	op.Err = nil
	for _, h := range op.Object.Hops {
		h = h.bare()
		for id := uint32(firstNexthop); k.nexthops[h] == 0; id++ {
			if k.taken(id) {
				continue
			}
			if err := k.one(op, func(seq uint32) { k.m.nexthop(id, h, seq, k.index) }); err != nil {
				return err
			}
			switch {
			case op.Err == nil:
				k.nexthops[h] = id
			case !errors.Is(op.Err, unix.EEXIST): // then somebody else has that id
				return nil
			}
		}
	}
	op.Err = nil
	return nil
}

func (k *netlink) taken(id uint32) bool {
	for _, o := range k.nexthops {
		if o == id {
			return true
		}
	}
	return false
}

// get returns the nexthop or group with an id.
func (k *netlink) get(id uint32) (n nexthop, err error) {
	k.seq++
	k.m.b = k.m.b[:0]
	k.m.byID(unix.RTM_GETNEXTHOP, id, k.seq)
	if err := unix.Sendto(k.fd, k.m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return n, err
	}
	for {
		size, _, err := unix.Recvfrom(k.fd, k.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return n, err
		}
		for m := range messages(k.buf[:size]) {
			if m.seq != k.seq {
				continue
			}
			if errno, text, ok := refusal(m); ok {
				return n, &Refusal{Errno: errno, Text: text}
			}
			n, _ = parseNexthop(m.body)
			return n, nil
		}
	}
}

// groups returns the nexthop groups of ours, and notes which nexthops there are.
func (k *netlink) groups() (list []Object, err error) {
	all := make(map[uint32]nexthop)
	err = k.dump(unix.RTM_GETNEXTHOP, make([]byte, unix.SizeofNhmsg), func(m received) {
		if n, ok := parseNexthop(m.body); ok {
			all[n.id] = n
		}
	})
	if errors.Is(err, unix.EOPNOTSUPP) { // before Linux 5.3
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k.nexthops, k.held = make(map[Hop]uint32), make(map[uint32]bool)
	for id, n := range all {
		for _, e := range n.group {
			k.held[e.id] = true
		}
		if n.protocol != Protocol {
			continue
		}
		if n.gateway.IsValid() {
			k.nexthops[Hop{Gateway: n.gateway, Interface: k.name(n.oif)}] = id
		} else if len(n.group) > 0 {
			o := Object{Place: Place{ID: id}}
			for _, e := range n.group {
				to := all[e.id]
				o.Hops = append(o.Hops, Hop{Gateway: to.gateway, Interface: k.name(to.oif), Weight: e.weight})
			}
			list = append(list, o)
		}
	}
	return list, nil
}

// Sweep implements Kernel.
func (k *netlink) Sweep(keep map[Hop]bool) error {
	if len(k.nexthops) == 0 {
		return nil
	}
	if _, err := k.groups(); err != nil {
		return err
	}
	for h, id := range k.nexthops {
		if keep[h] || k.held[id] {
			continue
		}
		var op Op
		if err := k.one(&op, func(seq uint32) { k.m.byID(unix.RTM_DELNEXTHOP, id, seq) }); err != nil {
			return err
		}
		if op.Err != nil {
			return op.Err
		}
		delete(k.nexthops, h)
	}
	return nil
}
