package netlinkmon

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// made makes a link event of a link that is made of others, or is part of one.
func made(index int, name string, mac byte, st stack) linkEvent {
	return linkEvent{index: index, link: link{name: name, flags: up, ether: true, mac: packet.MAC{2, 0, 0, 0, 0, mac}, stack: st}}
}

func vlanOn(index int, name string, mac byte, parent int, vid uint16) linkEvent {
	return made(index, name, mac, stack{kind: "vlan", parent: parent, vlan: vid, tag: unix.ETH_P_8021Q})
}

func bond(mode uint8) linkEvent { return made(10, "bond0", 10, stack{kind: "bond", mode: mode}) }

func member(index int, name string, st stack) linkEvent {
	st.master = 10
	return made(index, name, 10, st)
}

func backup(index int, name string) linkEvent { return member(index, name, stack{backup: true}) }

// bonded is a bond of ports 11, which is active, and 12, which is not.
func bonded(mode uint8, more ...event) []event {
	return append([]event{backup(12, "p2"), bond(mode), member(11, "p1", stack{})}, more...)
}

func TestLowers(t *testing.T) {
	parent := []Lower{{Ifindex: 2, Name: "eth0", Active: true}}
	halves := []Lower{{Ifindex: 11, Name: "p1", Active: true}, {Ifindex: 12, Name: "p2"}}
	flagged := func(e linkEvent, flags uint32) linkEvent {
		e.link.flags = flags
		return e
	}
	for _, c := range []struct {
		name   string
		events []event
		index  int
		want   *Lowers
	}{
		{"card", ethernet(), 2, nil},
		{"veth, whose parent is the other end", []event{made(5, "v", 5, stack{kind: "veth", parent: 6})}, 5, nil},
		{"what is no Ethernet", []event{addLink(5, "gre1", p2p)}, 5, nil},
		{"VLAN", append(ethernet(), vlanOn(5, "eth0.7", 2, 2, 7)), 5, &Lowers{Kind: "VLAN 7 of eth0", VLAN: 7, Members: parent}},
		{"VLAN of a bridge's port", append(ethernet(), made(2, "eth0", 2, stack{master: 9}), vlanOn(5, "v7", 2, 2, 7)), 5,
			&Lowers{Kind: "VLAN 7 of eth0", VLAN: 7, Members: parent}},
		{"VLAN with an address of its own", append(ethernet(), vlanOn(5, "v7", 5, 2, 7)), 5,
			&Lowers{Kind: "VLAN 7 of eth0", VLAN: 7, Members: parent}},
		{"802.1ad", append(ethernet(), made(5, "s7", 2, stack{kind: "vlan", parent: 2, vlan: 7, tag: unix.ETH_P_8021AD})), 5,
			&Lowers{Kind: "VLAN 7 of eth0", Reason: "its tag is not of 802.1Q but of type 0x88a8"}},
		{"tag of priority", append(ethernet(), vlanOn(5, "v0", 2, 2, 0)), 5,
			&Lowers{Kind: "VLAN 0 of eth0", Reason: "its tag is of priority only"}},
		{"QinQ", append(ethernet(), vlanOn(5, "v7", 2, 2, 7), vlanOn(6, "v7.8", 2, 5, 8)), 6,
			&Lowers{Kind: "VLAN 8 of v7", Reason: "v7 is a VLAN itself, so frames carry two tags"}},
		{"VLAN of elsewhere", []event{made(5, "v7", 2, stack{kind: "vlan", parent: 2, abroad: true, vlan: 7, tag: unix.ETH_P_8021Q})}, 5,
			&Lowers{Kind: "VLAN 7", Reason: "the interface that it is on is in another network namespace"}},
		{"VLAN of what is not known yet", []event{vlanOn(5, "v7", 2, 2, 7)}, 5,
			&Lowers{Kind: "VLAN 7", Reason: "interface 2, which it is on, is not known"}},
		{"VLAN of a bridge", []event{made(9, "br0", 9, stack{kind: "bridge"}), vlanOn(5, "br0.7", 9, 9, 7)}, 5,
			&Lowers{Kind: "VLAN 7 of br0", Reason: "on its ports XDP would keep from a bridge the frames that tell it where its neighbours are"}},
		{"bridge", []event{made(9, "br0", 9, stack{kind: "bridge"})}, 9,
			&Lowers{Kind: "bridge", Reason: "on its ports XDP would keep from a bridge the frames that tell it where its neighbours are", Own: true}},
		{"team", []event{made(9, "t", 9, stack{kind: "team"})}, 9,
			&Lowers{Kind: "team", Reason: "what lies under a team device is not followed", Own: true}},

		{"active-backup", bonded(activeBackup), 10, &Lowers{Kind: "bond, active-backup", Members: halves}},
		{"802.3ad", bonded(lacp), 10, &Lowers{Kind: "bond, 802.3ad", Members: halves}},
		{"VLAN of a bond", bonded(activeBackup, vlanOn(5, "v7", 10, 10, 7)), 5,
			&Lowers{Kind: "VLAN 7 of bond0, active-backup", VLAN: 7, Members: halves}},
		{"VLAN of an empty bond", []event{bond(activeBackup), vlanOn(5, "v7", 10, 10, 7)}, 5,
			&Lowers{Kind: "VLAN 7 of bond0, active-backup", Reason: "the bond has no members"}},
		{"active one without carrier", []event{bond(activeBackup), flagged(member(11, "p1", stack{dead: true}), noCable)}, 10,
			&Lowers{Kind: "bond, active-backup", Members: []Lower{{Ifindex: 11, Name: "p1", Active: true}}}},
		{"members that the bond or the carrier says are dead",
			[]event{bond(balanceXOR), member(11, "p1", stack{dead: true}), flagged(member(12, "p2", stack{}), noCable), member(13, "p3", stack{})}, 10,
			&Lowers{Kind: "bond, balance-xor", Members: []Lower{{Ifindex: 11, Name: "p1"}, {Ifindex: 12, Name: "p2"}, {Ifindex: 13, Name: "p3", Active: true}}}},
		{"bond of VLANs", []event{bond(activeBackup), member(11, "v7", stack{kind: "vlan"})}, 10,
			&Lowers{Kind: "bond, active-backup", Members: []Lower{{Ifindex: 11, Name: "v7", Active: true, Reason: "it is a vlan device"}}}},
		{"broadcast", bonded(broadcast), 10, &Lowers{Kind: "bond, broadcast", Reason: "a bond in mode broadcast sends each frame by all members"}},
		{"balance-alb", bonded(balanceALB), 10,
			&Lowers{Kind: "bond, balance-alb", Reason: "a bond in mode balance-alb chooses a member and its Ethernet address for each peer"}},
		{"mode of the future", bonded(9), 10,
			&Lowers{Kind: "bond, 9", Reason: "a bond in mode 9 chooses a member and its Ethernet address for each peer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, have(c.events...).lowersOf(c.index, func(subject) {}), cmpopts.IgnoreUnexported(Lowers{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// What changes below an interface is told to those whose paths are on it, and
// what does not leaves their paths as they are.
func TestLowersFollow(t *testing.T) {
	s := have(append(bonded(activeBackup, vlanOn(5, "v7", 10, 10, 7)), addLink(20, "other", up))...)
	looked := make(map[subject]bool)
	look := func(s subject) { looked[s] = true }
	was := s.lowersOf(5, look)
	left := linkEvent{index: 11, link: member(11, "p1", stack{}).link}
	left.link.stack.master = 0
	for _, c := range []struct {
		name string
		e    event
		want []string // the members, the active ones with a star; nil: as before
	}{
		{"nothing new", backup(12, "p2"), nil},
		{"something else", addLink(20, "other", down), nil},
		{"another is active", member(12, "p2", stack{}), []string{"p1*", "p2*"}},
		{"and the first no more", backup(11, "p1"), []string{"p1", "p2*"}},
		{"renamed", backup(11, "wan"), []string{"wan", "p2*"}},
		{"one joins", backup(13, "p3"), []string{"wan", "p2*", "p3"}},
		{"one leaves", left, []string{"p2*", "p3"}},
		{"one is gone", linkEvent{index: 13, gone: true, link: backup(13, "p3").link}, []string{"p2*"}},
		{"the last moves to another bond", made(12, "p2", 10, stack{master: 30}), []string{}},
		{"and comes back", member(12, "p2", stack{}), []string{"p2*"}},
		{"the bond is gone", linkEvent{index: 10, gone: true, link: bond(activeBackup).link}, []string{}},
	} {
		touched := false
		s.apply(c.e, func(sub subject) { touched = touched || looked[sub] })
		clear(looked)
		now := s.lowersOf(5, look)
		if c.want == nil {
			if now != was {
				t.Errorf("%s: another value, %+v", c.name, now)
			}
			continue
		}
		got := []string{}
		for _, m := range now.Members {
			if m.Active {
				m.Name += "*"
			}
			got = append(got, m.Name)
		}
		if now.Older(was) || !was.Older(now) {
			t.Errorf("%s: which of two is older is not right", c.name)
		}
		if !touched || now == was || !slices.Equal(got, c.want) {
			t.Errorf("%s: touched %v, changed %v, have %q, want %q", c.name, touched, now != was, got, c.want)
		}
		was = now
	}
	if s.apply(linkEvent{index: 5, gone: true, link: s.links[5].clone()}, func(subject) {}); len(s.found.lowers) != 0 {
		t.Errorf("left over: %v", s.found.lowers)
	}
}

func (l *link) clone() link { return link{name: l.name, stack: l.stack} }

// A path says what lies under its interface, and is equal as long as that is.
func TestPathOverLowers(t *testing.T) {
	s := have(bonded(activeBackup, addAddr(10, "192.0.2.1/24"))...)
	target := Target{Peer: ip("192.0.2.9")}
	one := s.resolve(target, func(subject) {})
	if one.Lowers == nil || one.Lowers.Members[0].Name != "p1" || one.LocalMAC != (packet.MAC{2, 0, 0, 0, 0, 10}) {
		t.Fatalf("path %+v", one)
	}
	if two := s.resolve(target, func(subject) {}); two != one {
		t.Errorf("another path, %+v", two)
	}
	s.apply(backup(11, "p1"), func(subject) {})
	if two := s.resolve(target, func(subject) {}); two == one {
		t.Error("the path is as before")
	}
}

func TestParseStack(t *testing.T) {
	info := func(list ...[]byte) []byte { return attr(unix.IFLA_LINKINFO, slices.Concat(list...)...) }
	kind := func(s string) []byte { return attr(nl.IFLA_INFO_KIND, append([]byte(s), 0)...) }
	data := func(list ...[]byte) []byte {
		return attr(nl.IFLA_INFO_DATA|unix.NLA_F_NESTED, slices.Concat(list...)...)
	}
	part := func(of string, list ...[]byte) []byte {
		return info(attr(nl.IFLA_INFO_SLAVE_KIND, append([]byte(of), 0)...), attr(nl.IFLA_INFO_SLAVE_DATA, slices.Concat(list...)...))
	}
	for _, c := range []struct {
		name  string
		attrs [][]byte
		want  stack
	}{
		{"card", nil, stack{}},
		{"VLAN", [][]byte{attr(unix.IFLA_LINK, u32(2)...),
			info(kind("vlan"), data(attr(nl.IFLA_VLAN_ID, u16(100)...), attr(nl.IFLA_VLAN_PROTOCOL, 0x81, 0x00)))},
			stack{kind: "vlan", parent: 2, vlan: 100, tag: unix.ETH_P_8021Q}},
		{"VLAN, data first", [][]byte{info(data(attr(nl.IFLA_VLAN_PROTOCOL, 0x88, 0xa8), attr(nl.IFLA_VLAN_ID, u16(100)...)), kind("vlan"))},
			stack{kind: "vlan", vlan: 100, tag: unix.ETH_P_8021AD}},
		{"parent elsewhere", [][]byte{attr(unix.IFLA_LINK_NETNSID, u32(0)...), attr(unix.IFLA_LINK, u32(2)...)}, stack{parent: 2, abroad: true}},
		{"bond", [][]byte{info(kind("bond"), data(attr(nl.IFLA_BOND_MODE, 4), attr(nl.IFLA_BOND_ACTIVE_SLAVE, u32(7)...)))},
			stack{kind: "bond", mode: lacp}},
		{"member", [][]byte{attr(unix.IFLA_MASTER, u32(10)...), part("bond", attr(nl.IFLA_BOND_SLAVE_STATE, 0), attr(nl.IFLA_BOND_SLAVE_MII_STATUS, 0))},
			stack{master: 10}},
		{"member that waits", [][]byte{part("bond", attr(nl.IFLA_BOND_SLAVE_STATE, 1), attr(nl.IFLA_BOND_SLAVE_MII_STATUS, 0))}, stack{backup: true}},
		{"member that goes down", [][]byte{part("bond", attr(nl.IFLA_BOND_SLAVE_STATE, 0), attr(nl.IFLA_BOND_SLAVE_MII_STATUS, 1))}, stack{dead: true}},
		{"port of a bridge", [][]byte{attr(unix.IFLA_MASTER, u32(9)...), part("bridge", attr(nl.IFLA_BOND_SLAVE_STATE, 3))}, stack{master: 9}},
		{"values of other sizes", [][]byte{attr(unix.IFLA_LINK, 1), info(kind("vlan"), data(attr(nl.IFLA_VLAN_ID, 1, 0, 0, 0)))}, stack{kind: "vlan"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 5, up), append(c.attrs, attr(unix.IFLA_IFNAME, 'x', 0))...)
			e, ok := parse(unix.RTM_NEWLINK, 0, b).(linkEvent)
			if d := cmp.Diff(c.want, e.link.stack, cmp.AllowUnexported(stack{})); !ok || d != "" {
				t.Error(ok, d)
			}
			for cut := range b {
				parse(unix.RTM_NEWLINK, 0, b[:cut]) // must not panic
			}
		})
	}
	radio := body(ifHeader(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 5, up), attr(unix.IFLA_IFNAME, 'x', 0), attr(unix.IFLA_WIRELESS, 0))
	if e := parse(unix.RTM_NEWLINK, 0, radio); e != nil {
		t.Errorf("news of a radio make %+v", e)
	}
}

// Whatever the kernel says of how links stand to each other, loops included, it
// is taken over and looked through.
func FuzzLowers(f *testing.F) {
	f.Add([]byte{5, 0, 2, 0, 7, 1}, []byte{10, 1, 0, 0, 1, 0})
	f.Add([]byte{5, 0, 5, 5, 7, 1}, []byte{6, 1, 5, 6, 9, 0})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		s := have(ethernet()...)
		kinds := []string{"vlan", "bond", "", "bridge"}
		for _, b := range [][]byte{one, two, one} {
			for ; len(b) >= 6; b = b[6:] {
				st := stack{kind: kinds[b[1]%4], parent: int(b[2]), master: int(b[3]), vlan: uint16(b[4]), tag: unix.ETH_P_8021Q, mode: b[4], backup: b[5]&1 != 0}
				e := made(int(b[0]), "x", b[5]>>6, st)
				e.gone = b[5]&2 != 0
				s.apply(e, func(subject) {})
			}
			for index := range s.links {
				first := s.lowersOf(index, func(subject) {})
				if s.lowersOf(index, func(subject) {}) != first {
					t.Fatalf("two answers for interface %d", index)
				}
			}
			for master, list := range s.members {
				if len(list) == 0 || !slices.IsSorted(list) {
					t.Fatalf("members of %d: %v", master, list)
				}
				for _, i := range list {
					if l := s.links[i]; l == nil || l.stack.master != master {
						t.Fatalf("members of %d: %v", master, list)
					}
				}
			}
		}
	})
}
