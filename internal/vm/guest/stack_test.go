//go:build vm

package guest

import (
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// A session on a VLAN device runs by the rings of the interface below.
func TestVLAN(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := ends(t, 1)
	a.VLAN(t, "x0", "x0.7", 7, netlink.VLAN_PROTOCOL_8021Q)
	b.VLAN(t, "y0", "y0.7", 7, netlink.VLAN_PROTOCOL_8021Q)
	one, two := pair(t, a, "x0.7", b, "y0.7")
	st := one.on("x0.7")
	if !strings.HasPrefix(st.Transport, "xdp-") || one.via("x0.7") != "x0" || !strings.HasPrefix(st.Reason, "VLAN 7 of x0: by x0, ") {
		t.Errorf("status %+v", st)
	}
	one.takes("x0")
	two.takes("y0")
	one.steady()
	one.cut(func() { b.SetDown(t, "y0") })
	a.DelLink(t, "x0.7")
	one.await("nothing is open", func() bool { return len(one.s.Interfaces()) == 0 })
}

// Two VLANs of one link, and the link itself, with the same addresses are three
// sessions, and nothing that arrives for one is taken for another.
func TestVLANsApart(t *testing.T) {
	for _, c := range []struct{ name, here, there, mask string }{
		{"IPv4", here, there, mask}, {"link-local", "fe80::1", "fe80::2", "/64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := ends(t, 1)
			for _, n := range []struct {
				stack
				parent, address string
			}{{a, "x0", c.here}, {b, "y0", c.there}} {
				for vid, name := range map[int]string{7: ".7", 8: ".8"} {
					n.VLAN(t, n.parent, n.parent+name, vid, netlink.VLAN_PROTOCOL_8021Q)
					n.AddAddr(t, n.parent+name, n.address+c.mask)
				}
				n.AddAddr(t, n.parent, n.address+c.mask)
			}
			s, far := a.speak(t), b.speak(t)
			all := map[string]talk{}
			for _, tag := range []string{".7", ".8", ""} {
				all[tag] = add(t, s, "x0"+tag, c.here, c.there)
			}
			silent := func(tags ...string) {
				t.Helper()
				for _, tag := range tags {
					if st := all[tag].status(); st.State != packet.Down || st.Counters.Rx != 0 || st.Counters.Up != 0 {
						t.Errorf("session on x0%s: %v after %d packets", tag, st.State, st.Counters.Rx)
					}
				}
			}
			peer := add(t, far, "y0.7", c.there, c.here)
			all[".7"].up()
			all[".7"].takes("x0")
			silent(".8", "")
			add(t, far, "y0.8", c.there, c.here).up()
			all[".8"].up()
			silent("")
			add(t, far, "y0", c.there, c.here).up()
			all[""].up()
			must(t, far.Remove(peer.discr, -1))
			all[".7"].await("VLAN 7 is down", func() bool { return all[".7"].status().State == packet.Down })
			steady(t, all[".8"], all[""])
		})
	}
	rows.Covers(t, "5880-6.3-06", "5881-3-03", "5881-6-07", "ENV-L2-03")
}

// VLAN devices of one link, one of them in a VRF, with the same addresses.
func TestVLANInVRF(t *testing.T) {
	a, b := ends(t, 1)
	a.VLAN(t, "x0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	b.VLAN(t, "y0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	one, two := pair(t, a, "v7", b, "v7")
	for _, n := range []struct {
		stack
		parent, address string
	}{{a, "x0", here}, {b, "y0", there}} {
		n.VRF(t, "red", 10)
		n.VLAN(t, n.parent, "v8", 8, netlink.VLAN_PROTOCOL_8021Q)
		n.Join(t, "v8", "red")
		n.AddAddr(t, "v8", n.address+mask)
	}
	three, four := add(t, one.s, "v8", here, there), add(t, two.s, "v8", there, here)
	three.up()
	four.up()
	if st := three.on("v8"); st.VRF != "red" || three.via("v8") != "x0" {
		t.Errorf("status %+v", st)
	}
	steady(t, one, two, three, four)
	three.cut(func() { b.SetDown(t, "v8") })
	one.steady()
}

// QinQ is the kernel's: its sessions run over UDP sockets, and say so.
func TestQinQ(t *testing.T) {
	a, b := ends(t, 1)
	for _, n := range []struct {
		stack
		parent string
	}{{a, "x0"}, {b, "y0"}} {
		n.VLAN(t, n.parent, "outer", 7, netlink.VLAN_PROTOCOL_8021AD)
		n.VLAN(t, "outer", "inner", 8, netlink.VLAN_PROTOCOL_8021Q)
	}
	one, _ := pair(t, a, "inner", b, "inner")
	if st := one.on("inner"); st.Transport != "udp" || !strings.Contains(st.Reason, "outer is a VLAN itself, so frames carry two tags") {
		t.Errorf("status %+v", st)
	}
	one.steady()
	one.cut(func() { b.SetDown(t, "y0") })
}

// A session on a bond in mode active-backup, and one on a VLAN of it, go by the
// member that is active, and are not disturbed when that becomes another.
func TestActiveBackup(t *testing.T) {
	for _, c := range []struct {
		name     string
		vid      int
		followed netlink.BondFailOverMac // whether the bond's Ethernet address is that of the active member
	}{
		{"bond", 0, netlink.BOND_FAIL_OVER_MAC_NONE},
		{"VLAN", 7, netlink.BOND_FAIL_OVER_MAC_NONE},
		{"address", 0, netlink.BOND_FAIL_OVER_MAC_ACTIVE},
	} {
		t.Run(c.name, func(t *testing.T) {
			testnet.NoLeaks(t)
			a, b := ends(t, 3)
			a.Bond(t, "bond0", netlink.BOND_MODE_ACTIVE_BACKUP, func(b *netlink.Bond) { b.FailOverMac = c.followed }, "x0", "x1")
			b.Bridge(t, "br0", "y0", "y1", "y2") // as a switch is
			aif, bif := "bond0", "br0"
			if c.vid != 0 {
				aif, bif = "bond0.7", "br0.7"
				a.VLAN(t, "bond0", aif, c.vid, netlink.VLAN_PROTOCOL_8021Q)
				b.VLAN(t, "br0", bif, c.vid, netlink.VLAN_PROTOCOL_8021Q)
			}
			one, two := pair(t, a, aif, b, bif)
			turns(t, a, one, two, aif)
			one.cut(func() { b.SetDown(t, "br0") })
			if n := one.status().Counters.Failures; n != 1 {
				t.Errorf("%d failures", n)
			}
		})
	}
}

// turns has the bond0 of a send by each of its members and by one that joins.
func turns(t *testing.T, a stack, one, two talk, aif string) {
	t.Helper()
	turn := func(how, to string, act func()) {
		t.Helper()
		start := time.Now()
		act()
		one.await(how+": frames leave by "+to, func() bool { return one.via(aif) == to })
		t.Logf("%s: by %s after %v", how, to, time.Since(start))
		if aif == "bond0" { // the bridge's end sends by sockets, and a tag goes beside the frame
			one.takes(to)
		}
		steady(t, one, two)
	}
	turn("at first", "x0", func() {})
	turn("another is active", "x1", func() { a.Activate(t, "bond0", "x1") })
	turn("its link goes down", "x0", func() { a.SetDown(t, "x1") })
	a.SetUp(t, "x1")
	turn("a third joins", "x2", func() {
		a.Join(t, "x2", "bond0")
		one.await("it is open", func() bool { return one.on("x2").Transport != "" })
		a.Activate(t, "bond0", "x2")
	})
	a.Activate(t, "bond0", "x1")
	turn("the second again", "x1", func() {
		a.SetMaster(t, "x2", "")
		a.SetDown(t, "x2")
	})
	one.await("it is closed", func() bool { return one.on("x2").Transport == "" })
}

// 802.3ad: by a member that collects and distributes.
func TestLACP(t *testing.T) {
	a, b := ends(t, 2)
	a.Bond(t, "bond0", netlink.BOND_MODE_802_3AD, nil, "x0", "x1")
	b.Bond(t, "bond0", netlink.BOND_MODE_802_3AD, nil, "y0", "y1")
	one, two := pair(t, a, "bond0", b, "bond0")
	one.whole("bond0")
	two.whole("bond0")
	one.takes("x" + two.via("bond0")[1:])
	two.takes("y" + one.via("bond0")[1:])
	from, to := "x0", "x1"
	if one.via("bond0") == "x1" {
		from, to = to, from
	}
	a.SetDown(t, from)
	one.await("frames leave by the other", func() bool { return one.via("bond0") == to })
	steady(t, one, two)
	one.cut(func() { b.SetDown(t, "bond0") })
}

// Both on a VLAN of a bond: tags and members at once.
func TestVLANOfLACP(t *testing.T) {
	a, b := ends(t, 2)
	a.Bond(t, "bond0", netlink.BOND_MODE_802_3AD, nil, "x0", "x1")
	b.Bond(t, "bond0", netlink.BOND_MODE_802_3AD, nil, "y0", "y1")
	a.VLAN(t, "bond0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	b.VLAN(t, "bond0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	one, two := pair(t, a, "v7", b, "v7")
	one.whole("v7")
	two.whole("v7")
	one.takes("x" + two.via("v7")[1:])
	b.SetDown(t, two.via("v7"))
	steady(t, one, two)
	one.cut(func() { b.SetDown(t, "bond0") })
}
