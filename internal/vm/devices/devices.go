// Package devices gives tests in a guest the interfaces that a host may lack: the
// guest's network cards, and VLAN devices, bonds, bridges and VRFs on top of them.
package devices

import (
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

// NS is a namespace of one test. Every method fails the test itself, and what it adds
// goes with the test.
type NS struct{ *testnet.NS }

// New makes a namespace; see testnet.NewNS.
func New(t testing.TB, name string) NS {
	t.Helper()
	return NS{testnet.NewNS(t, name)}
}

// Build adds a device made of parts and brings it up. It goes before cards go home,
// which would take their VLAN devices along.
func (n NS) Build(t testing.TB, l netlink.Link, parts ...string) {
	t.Helper()
	name := l.Attrs().Name
	n.AddLink(t, l)
	t.Cleanup(func() { _ = n.NS.NS.DelLink(name) }) // unless the test has
	for _, p := range parts {
		n.Join(t, p, name)
	}
	n.SetUp(t, name)
}

// Join makes an interface, which then is up, a part of another. A bond takes it only
// while it is down.
func (n NS) Join(t testing.TB, part, master string) {
	t.Helper()
	n.SetDown(t, part)
	n.SetMaster(t, part, master)
	n.SetUp(t, part)
}

// VLAN adds the device of a tag.
func (n NS) VLAN(t testing.TB, parent, name string, id int, protocol netlink.VlanProtocol) {
	t.Helper()
	a := attrs(name)
	a.ParentIndex = n.Ifindex(t, parent)
	n.Build(t, &netlink.Vlan{LinkAttrs: a, VlanId: id, VlanProtocol: protocol})
}

// Bond adds a bond that looks for carrier and, in mode 802.3ad, hurries. Change may be
// nil.
func (n NS) Bond(t testing.TB, name string, mode netlink.BondMode, change func(*netlink.Bond), members ...string) {
	t.Helper()
	b := netlink.NewLinkBond(attrs(name))
	if b.Mode, b.Miimon = mode, 100; mode == netlink.BOND_MODE_802_3AD {
		b.LacpRate = netlink.BOND_LACP_RATE_FAST
	}
	if change != nil {
		change(b)
	}
	n.Build(t, b, members...)
}

// Activate has a bond in mode active-backup send by another member.
func (n NS) Activate(t testing.TB, bond, member string) {
	t.Helper()
	n.setMember(t, bond, nl.IFLA_BOND_ACTIVE_SLAVE, member)
}

// Prefer has a bond in mode active-backup send by a member whenever it can.
func (n NS) Prefer(t testing.TB, bond, member string) {
	t.Helper()
	n.setMember(t, bond, nl.IFLA_BOND_PRIMARY, member)
}

// setMember changes an attribute of a bond to the index of a member. It is made by
// hand because the library's request would carry all the others as well.
func (n NS) setMember(t testing.TB, bond string, attr int, member string) {
	t.Helper()
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(n.Ifindex(t, bond))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bond"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(attr, nl.Uint32Attr(uint32(n.Ifindex(t, member))))
	must(t, n.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
		req.AddData(msg)
		req.AddData(info)
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}))
}

// Bridge adds a bridge that passes on all it gets, multicast too.
func (n NS) Bridge(t testing.TB, name string, ports ...string) {
	t.Helper()
	snoop := false
	n.Build(t, &netlink.Bridge{LinkAttrs: attrs(name), MulticastSnooping: &snoop}, ports...)
}

// VRF adds a VRF with a routing table.
func (n NS) VRF(t testing.TB, name string, table uint32, parts ...string) {
	t.Helper()
	n.Build(t, &netlink.Vrf{LinkAttrs: attrs(name), Table: table}, parts...)
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
