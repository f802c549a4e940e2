package netlinkmon

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// route asks which way a packet of a multihop session takes.
func (k *kernel) route(q query) answer {
	a := k.getRoute(q, 0)
	if q.oif == 0 || q.vrf || a.kind != unix.RTN_UNICAST {
		return a
	}
	if q.peer.Is4() {
		// Told by which interface to leave, IPv4 takes a destination without a
		// route to be on the link. Only a route that matched counts.
		if match := k.getRoute(q, unix.RTM_F_FIB_MATCH); match.kind != unix.RTN_UNICAST {
			return answer{kind: unix.RTN_UNSPEC, failed: match.failed}
		}
		return a
	}
	if a.ifindex != q.oif {
		// IPv6 prefers the interface, and insists on it where no source is given.
		q.local = netip.Addr{}
		return k.getRoute(q, 0)
	}
	return a
}

func (k *kernel) getRoute(q query, flags uint32) answer {
	req := k.request(unix.RTM_GETROUTE, 0)
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Dst_len: uint8(q.peer.BitLen()), Flags: flags}}
	if q.peer.Is6() {
		msg.Family = unix.AF_INET6
	}
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, q.peer.AsSlice()))
	if q.local.IsValid() {
		msg.Src_len = uint8(q.local.BitLen())
		req.AddData(nl.NewRtAttr(unix.RTA_SRC, q.local.AsSlice()))
	}
	if q.oif != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(q.oif))))
	}
	// Rules may look at protocol and port.
	req.AddData(nl.NewRtAttr(unix.RTA_IP_PROTO, []byte{unix.IPPROTO_UDP}))
	req.AddData(nl.NewRtAttr(unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, packet.PortMultihop)))
	replies, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	if err != nil {
		return refused(err)
	}
	for _, body := range replies {
		if a, ok := parseAnswer(body); ok {
			return a
		}
	}
	return answer{failed: "the kernel's answer makes no sense"}
}

// refused makes an answer of the error in place of one: the kernel says by it
// what kind of route it found.
func refused(err error) answer {
	var errno unix.Errno
	errors.As(err, &errno)
	switch errno {
	case unix.ENETUNREACH, unix.ENODEV: // no route; no such interface to leave by
		return answer{kind: unix.RTN_UNSPEC}
	case unix.EHOSTUNREACH:
		return answer{kind: unix.RTN_UNREACHABLE}
	case unix.EINVAL:
		return answer{kind: unix.RTN_BLACKHOLE}
	case unix.EACCES:
		return answer{kind: unix.RTN_PROHIBIT}
	}
	return answer{failed: err.Error()}
}

// parseAnswer reads the body of an RTM_NEWROUTE message that answers a query.
func parseAnswer(b []byte) (a answer, ok bool) {
	if len(b) < unix.SizeofRtMsg {
		return a, false
	}
	a.kind = b[7]
	for kind, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch kind {
		case unix.RTA_OIF:
			a.ifindex = int(number(v))
		case unix.RTA_GATEWAY:
			a.router = addrOf(v)
		case unix.RTA_VIA: // of another family than the peer's
			if len(v) > 2 {
				a.router = addrOf(v[2:])
			}
		case unix.RTA_ENCAP:
			a.wrapped = true
		}
	}
	return a, a.kind != unix.RTN_UNICAST || a.ifindex != 0
}
