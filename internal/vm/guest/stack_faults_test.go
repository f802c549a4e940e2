//go:build vm

package guest

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/packet"
)

// A member that joins and cannot have XDP carries the session by the kernel's
// sockets, and that is said.
func TestMemberWithoutXDP(t *testing.T) {
	a, b := ends(t, 2)
	foreign(t, a, "x1")
	a.Bond(t, "bond0", netlink.BOND_MODE_ACTIVE_BACKUP, nil, "x0")
	b.Bridge(t, "br0", "y0", "y1")
	one, two := pair(t, a, "bond0", b, "br0")
	one.await("frames leave by x0", func() bool { return one.via("bond0") == "x0" })
	a.Join(t, "x1", "bond0")
	one.await("it is a member", func() bool { return len(one.on("bond0").Lowers) == 2 })
	a.Activate(t, "bond0", "x1")
	one.await("frames leave by the bond", func() bool { return one.via("bond0") == "" })
	if st := one.on("bond0"); st.Transport != "udp" || !strings.Contains(st.Reason, "another XDP program is attached") {
		t.Errorf("status %+v", st)
	}
	steady(t, one, two)
	a.Activate(t, "bond0", "x0")
	one.await("frames leave by x0 again", func() bool { return one.via("bond0") == "x0" })
	one.takes("x0")
	steady(t, one, two)
}

// What arrives on a member that the bond does not use is lost to the host, and so
// to its sessions, also to one over several hops, which no interface is asked for: here
// the two ends' bonds use different links.
func TestIdleMember(t *testing.T) {
	a, b := ends(t, 2)
	a.Bond(t, "bond0", netlink.BOND_MODE_ACTIVE_BACKUP, nil, "x0", "x1")
	b.Bond(t, "bond0", netlink.BOND_MODE_ACTIVE_BACKUP, nil, "y0", "y1")
	b.Activate(t, "bond0", "y0")
	one, two := pair(t, a, "bond0", b, "bond0")
	const farHere, farThere = "10.0.0.1", "10.0.0.2"
	a.AddAddr(t, "lo", farHere+"/32")
	a.AddRoute(t, "bond0", farThere+"/32", there)
	b.AddAddr(t, "lo", farThere+"/32")
	b.AddRoute(t, "bond0", farHere+"/32", here)
	far := addFar(t, one.s, farHere, farThere)
	addFar(t, two.s, farThere, farHere).up()
	far.up()
	one.takes("x0")
	one.cut(func() { b.Activate(t, "bond0", "y1") })
	far.await("the multihop session is down", func() bool { return far.status().State == packet.Down })
	before := one.taken("x1")
	a.Activate(t, "bond0", "x1")
	one.up()
	far.up()
	one.takes("x1")
	if before != 0 {
		t.Errorf("XDP has taken %d frames that the bond would not have", before)
	}
}

// The transport changes below a running session, and of the VLAN device itself.
func TestSwitchBelow(t *testing.T) {
	a, b := ends(t, 1)
	a.VLAN(t, "x0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	b.VLAN(t, "y0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	one, two := pair(t, a, "v7", b, "v7")
	for _, c := range []struct{ ifname, asked, transport, via string }{
		{"x0", "udp", "udp", ""},
		{"x0", "xdp-generic", "xdp-generic", "x0"},
		{"x0", "auto", "xdp-native", "x0"},
		{"v7", "udp", "udp", ""},
		{"v7", "xdp-generic", "xdp-generic", ""},
		{"v7", "xdp", "xdp-native", "x0"},
	} {
		must(t, one.s.Switch(t.Context(), c.ifname, c.asked, "a test"))
		one.await(c.ifname+" as "+c.asked, func() bool {
			return one.on("v7").Transport == c.transport && one.via("v7") == c.via
		})
		t.Log(one.on("v7").Reason)
		steady(t, one, two)
	}
}

// Where AF_XDP is insisted on, an interface that cannot have it keeps its sessions
// waiting, and says why.
func TestInsistOnXDP(t *testing.T) {
	a, _ := ends(t, 1)
	a.VLAN(t, "x0", "outer", 7, netlink.VLAN_PROTOCOL_8021Q)
	a.VLAN(t, "outer", "inner", 8, netlink.VLAN_PROTOCOL_8021Q)
	a.AddAddr(t, "inner", here+mask)
	s, err := speaker.New(speaker.Options{In: a.Do, Transport: func(string) string { return wire.TransportXDP }})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	one := add(t, s, "inner", here, there)
	const why = "open interface inner: AF_XDP cannot be used: VLAN 8 of outer: outer is a VLAN itself, so frames carry two tags"
	one.await("it waits, and no interface is open", func() bool {
		return one.s.Path(one.discr).Waiting == why && len(one.s.Interfaces()) == 0
	})
	if st := one.status(); st.State != packet.Down {
		t.Errorf("the session is %v", st.State)
	}
}

// foreign puts somebody else's XDP program on an interface.
func foreign(t *testing.T, n stack, ifname string) {
	t.Helper()
	must(t, n.Do(func() error {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "somebody", Type: ebpf.XDP, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
		})
		if err != nil {
			return err
		}
		t.Cleanup(func() { p.Close() })
		l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: n.Ifindex(t, ifname), Flags: link.XDPGenericMode})
		if err == nil {
			t.Cleanup(func() { l.Close() })
		}
		return err
	}))
}
