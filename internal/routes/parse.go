package routes

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// refusal returns the kernel's answer to a request: its error number, 0 for
// success, and what more it says.
func refusal(m received) (errno unix.Errno, text string, ok bool) {
	const fixed = 4 + headerLength // the number and the header of the request
	if m.kind != unix.NLMSG_ERROR || len(m.body) < fixed {
		return 0, "", false
	}
	errno = unix.Errno(-int32(native.Uint32(m.body)))
	rest := m.body[fixed:]
	if m.flags&ackCapped == 0 { // then the whole request stands before
		body := align(int(native.Uint32(m.body[4:]))) - headerLength
		if body < 0 || body > len(rest) {
			return errno, "", true
		}
		rest = rest[body:]
	}
	if m.flags&ackTLVs != 0 {
		for kind, v := range attributes(rest) {
			if kind == errorText {
				text = unix.ByteSliceToString(v)
			}
		}
	}
	return errno, text, true
}

// parseRoute returns a route and its protocol, which is 0 for any but a unicast one;
// link gives the name of an interface.
func parseRoute(b []byte, link func(uint32) string) (o Object, protocol uint8, ok bool) {
	if len(b) < unix.SizeofRtMsg || native.Uint32(b[8:])&unix.RTM_F_CLONED != 0 {
		return o, 0, false
	}
	dst := unspecified(b[0])
	o.Table = uint32(b[4])
	if b[7] == unix.RTN_UNICAST {
		protocol = b[5]
	}
	var one Hop
	var oif uint32
	for kind, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch kind {
		case unix.RTA_DST:
			dst = addrOf(v)
		case unix.RTA_TABLE:
			o.Table = number(v)
		case unix.RTA_PRIORITY:
			o.Metric = number(v)
		case unix.RTA_PREFSRC:
			o.Source = addrOf(v)
		case unix.RTA_GATEWAY:
			one.Gateway = addrOf(v)
		case unix.RTA_OIF:
			oif = number(v)
		case unix.RTA_VIA:
			one.Gateway = viaOf(v)
		case rtaNexthopID:
			o.Group = number(v)
		case unix.RTA_MULTIPATH:
			o.Hops = parseHops(v, link)
		}
	}
	switch {
	case o.Group != 0:
		o.Hops = nil // the kernel may list them as well
	case one.Gateway.IsValid():
		one.Interface = link(oif)
		o.Hops = append(o.Hops, one)
	}
	p, err := dst.Prefix(int(b[1]))
	o.Prefix = p
	return o, protocol, err == nil
}

func parseHops(b []byte, link func(uint32) string) (hops []Hop) {
	for len(b) >= nextHopLength {
		n := int(native.Uint16(b))
		if n < nextHopLength || n > len(b) {
			return hops
		}
		h := Hop{Weight: int(b[3]) + 1, Interface: link(native.Uint32(b[4:]))}
		for kind, v := range attributes(b[nextHopLength:n]) {
			switch kind {
			case unix.RTA_GATEWAY:
				h.Gateway = addrOf(v)
			case unix.RTA_VIA:
				h.Gateway = viaOf(v)
			}
		}
		hops = append(hops, h)
		b = b[min(align(n), len(b)):]
	}
	return hops
}

// parseAddress returns an address and who added it; 0 where nobody said so.
func parseAddress(b []byte, link func(uint32) string) (o Object, protocol uint8, ok bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return o, 0, false
	}
	var local, far netip.Addr
	for kind, v := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch kind {
		case unix.IFA_LOCAL:
			local = addrOf(v)
		case unix.IFA_ADDRESS:
			far = addrOf(v)
		case ifaProto:
			if len(v) > 0 {
				protocol = v[0]
			}
		}
	}
	if !local.IsValid() {
		local = far
	}
	o.Interface = link(native.Uint32(b[4:]))
	o.Prefix = netip.PrefixFrom(local, int(b[1]))
	return o, protocol, o.Prefix.IsValid() && o.Interface != ""
}

// parseLink returns an interface as a notification has it.
func parseLink(b []byte) (index, flags uint32, name string, ok bool) {
	// Bridges tell of their ports in a family of their own.
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC {
		return 0, 0, "", false
	}
	for kind, v := range attributes(b[unix.SizeofIfInfomsg:]) {
		if kind == unix.IFLA_IFNAME {
			name = unix.ByteSliceToString(v)
		}
	}
	return native.Uint32(b[4:]), native.Uint32(b[8:]), name, name != ""
}

// parseVRF returns the table of a VRF's device as a notification has it, 0 for any
// other interface.
func parseVRF(b []byte) (table uint32) {
	vrf := false
	for kind, v := range attributes(b[unix.SizeofIfInfomsg:]) {
		if kind != unix.IFLA_LINKINFO {
			continue
		}
		for kind, v := range attributes(v) {
			switch kind {
			case unix.IFLA_INFO_KIND:
				vrf = unix.ByteSliceToString(v) == "vrf"
			case unix.IFLA_INFO_DATA: // which comes after the kind
				for kind, v := range attributes(v) {
					if vrf && kind == iflaVRFTable {
						table = number(v)
					}
				}
			}
		}
	}
	return table
}

const iflaVRFTable = 1 // linux/if_link.h

func unspecified(family uint8) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func addrOf(v []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(v)
	return a
}

// viaOf returns the gateway of a route of another family.
func viaOf(v []byte) netip.Addr { return addrOf(v[min(2, len(v)):]) }

// nexthop is one as the kernel has it: to a gateway, or a group.
type nexthop struct {
	id       uint32
	protocol uint8
	gateway  netip.Addr
	oif      uint32
	group    []entry // of a group
}

type entry struct {
	id     uint32
	weight int
}

func parseNexthop(b []byte) (n nexthop, ok bool) {
	if len(b) < unix.SizeofNhmsg {
		return n, false
	}
	n.protocol = b[2]
	for kind, v := range attributes(b[unix.SizeofNhmsg:]) {
		switch kind {
		case unix.NHA_ID:
			n.id = number(v)
		case unix.NHA_GATEWAY:
			n.gateway = addrOf(v)
		case unix.NHA_OIF:
			n.oif = number(v)
		case unix.NHA_GROUP:
			for ; len(v) >= unix.SizeofNexthopGrp; v = v[unix.SizeofNexthopGrp:] {
				n.group = append(n.group, entry{native.Uint32(v), int(v[4]) + 1})
			}
		}
	}
	return n, n.id != 0
}

func number(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return native.Uint32(v)
}
