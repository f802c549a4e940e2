package netlinkmon

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// attr is one attribute, padded; body joins a header of numbers and attributes.
func attr(kind uint16, value ...byte) []byte {
	b := native.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	b = append(native.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func body(header []byte, attrs ...[]byte) []byte {
	return append(slices.Clone(header), slices.Concat(attrs...)...)
}

func u32(v uint32) []byte { return native.AppendUint32(nil, v) }

func u16(v uint16) []byte { return native.AppendUint16(nil, v) }

func ifHeader(family byte, kind uint16, index int, flags uint32) []byte {
	return slices.Concat([]byte{family, 0}, u16(kind), u32(uint32(index)), u32(flags), u32(0))
}

func rtHeader(family, bits, table, kind byte, flags uint32) []byte {
	return slices.Concat([]byte{family, bits, 0, 0, table, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, kind}, u32(flags))
}

func ndHeader(family byte, index int, state uint16, flags byte) []byte {
	return slices.Concat([]byte{family, 0, 0, 0}, u32(uint32(index)), u16(state), []byte{flags, 0})
}

var (
	mac  = packet.MAC{2, 0, 0, 0, 0, 7}
	four = []byte{192, 0, 2, 1}
	six  = netip.MustParseAddr("2001:db8::1").AsSlice()
)

func TestParse(t *testing.T) {
	ether := link{name: "eth0", flags: up, ether: true, mac: mac}
	route := func(onLink bool) routeEvent {
		return routeEvent{onLink: onLink, dst: netip.MustParsePrefix("192.0.2.0/24"),
			hop: hop{ifindex: 5, route: true, table: unix.RT_TABLE_MAIN, metric: 100, local: ip("192.0.2.1")}}
	}
	routeAttrs := [][]byte{attr(unix.RTA_DST, 192, 0, 2, 0), attr(unix.RTA_OIF, u32(5)...),
		attr(unix.RTA_PRIORITY, u32(100)...), attr(unix.RTA_PREFSRC, four...)}
	unicast := rtHeader(unix.AF_INET, 24, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0)
	key := neighKey{5, ip("192.0.2.1")}
	for _, c := range []struct {
		name        string
		kind, flags uint16
		body        []byte
		want        event
	}{
		{"link", unix.RTM_NEWLINK, 0,
			body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 5, up), attr(unix.IFLA_IFNAME, []byte("eth0\x00")...), attr(unix.IFLA_ADDRESS, mac[:]...)),
			linkEvent{index: 5, link: ether}},
		{"link gone", unix.RTM_DELLINK, 0,
			body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 5, up), attr(unix.IFLA_ADDRESS, mac[:]...), attr(unix.IFLA_IFNAME, []byte("eth0\x00")...)),
			linkEvent{index: 5, gone: true, link: ether}},
		{"link that is no Ethernet", unix.RTM_NEWLINK, 0,
			body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_LOOPBACK, 1, up), attr(unix.IFLA_IFNAME, []byte("lo\x00")...), attr(unix.IFLA_ADDRESS, make([]byte, 6)...)),
			linkEvent{index: 1, link: link{name: "lo", flags: up}}},
		{"VRF", unix.RTM_NEWLINK, 0,
			body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 9, up), attr(unix.IFLA_IFNAME, []byte("red\x00")...),
				attr(unix.IFLA_LINKINFO, body(attr(unix.IFLA_INFO_KIND, []byte("vrf")...),
					attr(unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, attr(nl.IFLA_VRF_TABLE, u32(1010)...)...))...)),
			linkEvent{index: 9, link: link{name: "red", flags: up, stack: stack{kind: "vrf", table: 1010}}}},
		{"no VRF, though its data look like a VRF's", unix.RTM_NEWLINK, 0,
			body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 9, up), attr(unix.IFLA_IFNAME, []byte("br0\x00")...),
				attr(unix.IFLA_LINKINFO, body(attr(unix.IFLA_INFO_KIND, []byte("bridge\x00")...),
					attr(unix.IFLA_INFO_DATA, attr(nl.IFLA_VRF_TABLE, u32(1010)...)...))...)),
			linkEvent{index: 9, link: link{name: "br0", flags: up, stack: stack{kind: "bridge"}}}},
		{"interface of a VRF", unix.RTM_NEWLINK, 0,
			body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_NONE, 5, up), attr(unix.IFLA_IFNAME, []byte("tun0\x00")...), attr(unix.IFLA_MASTER, u32(9)...)),
			linkEvent{index: 5, link: link{name: "tun0", flags: up, stack: stack{master: 9}}}},
		{"bridge port gone", unix.RTM_DELLINK, 0,
			body(ifHeader(unix.AF_BRIDGE, unix.ARPHRD_ETHER, 5, up), attr(unix.IFLA_IFNAME, []byte("eth0\x00")...)), nil},
		{"link without a name", unix.RTM_NEWLINK, 0, ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 5, up), nil},

		{"IPv4 address", unix.RTM_NEWADDR, 0,
			body(append([]byte{unix.AF_INET, 24, 0x80, 0}, u32(5)...), attr(unix.IFA_ADDRESS, four...), attr(unix.IFA_LOCAL, four...)),
			addrEvent{index: 5, addr: address{ip: ip("192.0.2.1"), prefix: netip.MustParsePrefix("192.0.2.0/24"), flags: 0x80}}},
		{"point-to-point address", unix.RTM_DELADDR, 0,
			body(append([]byte{unix.AF_INET, 32, 0, 0}, u32(5)...), attr(unix.IFA_ADDRESS, 10, 0, 0, 9), attr(unix.IFA_LOCAL, four...)),
			addrEvent{index: 5, gone: true, addr: address{ip: ip("192.0.2.1"), prefix: netip.MustParsePrefix("10.0.0.9/32")}}},
		{"IPv6 address, flags in full", unix.RTM_NEWADDR, 0,
			body(append([]byte{unix.AF_INET6, 64, 0x80, 0}, u32(5)...), attr(unix.IFA_ADDRESS, six...), attr(unix.IFA_FLAGS, u32(0x240)...)),
			addrEvent{index: 5, addr: address{ip: ip("2001:db8::1"), prefix: netip.MustParsePrefix("2001:db8::/64"), flags: 0x240}}},
		{"address of the wrong family", unix.RTM_NEWADDR, 0,
			body(append([]byte{unix.AF_INET, 24, 0, 0}, u32(5)...), attr(unix.IFA_LOCAL, six...)), nil},
		{"no address at all", unix.RTM_NEWADDR, 0, append([]byte{unix.AF_INET6, 0, 0, 0}, u32(5)...), nil},
		{"address of one family, prefix of another", unix.RTM_NEWADDR, 0,
			body(append([]byte{unix.AF_INET, 24, 0, 0}, u32(5)...), attr(unix.IFA_LOCAL, four...), attr(unix.IFA_ADDRESS, six...)), nil},
		{"address with an impossible prefix", unix.RTM_NEWADDR, 0,
			body(append([]byte{unix.AF_INET, 33, 0, 0}, u32(5)...), attr(unix.IFA_LOCAL, four...)), nil},

		{"route", unix.RTM_NEWROUTE, 0, body(unicast, routeAttrs...), route(true)},
		{"route through a router", unix.RTM_NEWROUTE, 0, body(unicast, append(routeAttrs, attr(unix.RTA_GATEWAY, four...))...), route(false)},
		{"route that a router's replaces", unix.RTM_NEWROUTE, unix.NLM_F_REPLACE,
			body(unicast, append(routeAttrs, attr(unix.RTA_GATEWAY, four...))...),
			func() event { r := route(false); r.replace = true; return r }()},
		{"default route onto a link", unix.RTM_NEWROUTE, 0,
			body(rtHeader(unix.AF_INET6, 0, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0), attr(unix.RTA_OIF, u32(5)...)),
			routeEvent{onLink: true, dst: netip.MustParsePrefix("::/0"), hop: hop{ifindex: 5, route: true, table: unix.RT_TABLE_MAIN}}},
		{"route to half an address", unix.RTM_NEWROUTE, 0, body(unicast, attr(unix.RTA_OIF, u32(5)...), attr(unix.RTA_DST, 192, 0)), nil},
		{"route of another table", unix.RTM_NEWROUTE, 0, body(unicast, append(routeAttrs, attr(unix.RTA_TABLE, u32(1000)...))...),
			func() event { r := route(true); r.hop.table = 1000; return r }()},
		{"local route", unix.RTM_NEWROUTE, 0,
			body(rtHeader(unix.AF_INET, 24, unix.RT_TABLE_MAIN, unix.RTN_LOCAL, 0), routeAttrs...), route(false)},
		{"cached route", unix.RTM_NEWROUTE, 0,
			body(rtHeader(unix.AF_INET, 24, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, unix.RTM_F_CLONED), routeAttrs...), nil},

		{"neighbour", unix.RTM_NEWNEIGH, 0,
			body(ndHeader(unix.AF_INET, 5, unix.NUD_REACHABLE, 0), attr(unix.NDA_DST, four...), attr(unix.NDA_LLADDR, mac[:]...),
				attr(netlink.NDA_FLAGS_EXT, u32(netlink.NTF_EXT_MANAGED)...), attr(netlink.NDA_PROTOCOL, protocol)),
			neighEvent{key: key, neigh: neigh{state: unix.NUD_REACHABLE, ether: true, mac: mac, managed: true, ours: true}}},
		{"somebody else's neighbour", unix.RTM_DELNEIGH, 0,
			body(ndHeader(unix.AF_INET, 5, unix.NUD_FAILED, 0), attr(unix.NDA_DST, four...), attr(netlink.NDA_PROTOCOL, unix.RTPROT_BGP)),
			neighEvent{key: key, gone: true, neigh: neigh{state: unix.NUD_FAILED}}},
		{"proxy entry", unix.RTM_NEWNEIGH, 0, body(ndHeader(unix.AF_INET, 5, 0, unix.NTF_PROXY), attr(unix.NDA_DST, four...)), nil},
		{"bridge's forwarding entry", unix.RTM_NEWNEIGH, 0, body(ndHeader(unix.AF_BRIDGE, 5, 0, 0), attr(unix.NDA_LLADDR, mac[:]...)), nil},
		{"neighbour without an address", unix.RTM_NEWNEIGH, 0, ndHeader(unix.AF_INET, 5, 0, 0), nil},
		{"rule", unix.RTM_NEWRULE, 0, rtHeader(unix.AF_INET, 0, 0, 0, 0), policyEvent{}},
		{"next-hop object gone", unix.RTM_DELNEXTHOP, 0, nil, policyEvent{}},
		{"something else", unix.RTM_NEWQDISC, 0, rtHeader(unix.AF_INET, 0, 0, 0, 0), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parse(c.kind, c.flags, c.body)
			opts := cmp.AllowUnexported(linkEvent{}, link{}, stack{}, addrEvent{}, address{}, routeEvent{}, hop{}, neighEvent{}, neighKey{}, neigh{})
			comparePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
			if d := cmp.Diff(c.want, got, opts, compareAddr, comparePrefix); d != "" {
				t.Error(d)
			}
			for cut := range c.body {
				parse(c.kind, c.flags, c.body[:cut]) // must not panic
			}
		})
	}
}

// Whatever bytes come, parsing and applying them must not panic.
func FuzzParse(f *testing.F) {
	f.Add(uint16(unix.RTM_NEWLINK), uint16(0), body(ifHeader(0, unix.ARPHRD_ETHER, 5, up), attr(unix.IFLA_IFNAME, 'a', 0)))
	f.Add(uint16(unix.RTM_NEWLINK), uint16(0), body(ifHeader(0, unix.ARPHRD_ETHER, 2, up), attr(unix.IFLA_IFNAME, 'a', 0), attr(unix.IFLA_ADDRESS, mac[:]...),
		attr(unix.IFLA_LINK, u32(3)...), attr(unix.IFLA_LINKINFO, append(attr(nl.IFLA_INFO_KIND, []byte("vlan")...),
			attr(nl.IFLA_INFO_DATA, append(attr(nl.IFLA_VLAN_ID, u16(7)...), attr(nl.IFLA_VLAN_PROTOCOL, 0x81, 0)...)...)...)...)))
	f.Add(uint16(unix.RTM_NEWADDR), uint16(0), body(append([]byte{unix.AF_INET, 24, 0, 0}, u32(2)...), attr(unix.IFA_LOCAL, four...)))
	f.Add(uint16(unix.RTM_NEWROUTE), uint16(unix.NLM_F_REPLACE), body(rtHeader(unix.AF_INET6, 64, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, 0), attr(unix.RTA_DST, six...)))
	f.Add(uint16(unix.RTM_NEWNEIGH), uint16(0), body(ndHeader(unix.AF_INET, 2, 2, 0), attr(unix.NDA_DST, four...)))
	f.Add(uint16(unix.RTM_NEWRULE), uint16(0), rtHeader(unix.AF_INET, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, kind, flags uint16, b []byte) {
		e := parse(kind, flags, b)
		s := have(ethernet()...)
		far := Target{Multihop: true, Peer: ip("203.0.113.9"), Local: ip("192.0.2.1")}
		s.lookups.answers[query{peer: far.Peer, local: far.Local}], _ = parseAnswer(b)
		s.apply(e, func(subject) {})
		s.lookups.take()
		s.resolve(far, func(subject) {})
		for _, peer := range []string{"192.0.2.9", "2001:db8::9"} {
			s.resolve(Target{Peer: ip(peer)}, func(subject) {})
		}
	})
}
