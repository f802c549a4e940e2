//go:build vm

package guest

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
)

// The addresses of the two ends in all tests of stacked interfaces.
const (
	here, there = "192.0.2.1", "192.0.2.2"
	mask        = "/24"
)

// stack adds interfaces that are made of others to a namespace.
type stack struct{ *testnet.NS }

func (s stack) add(t *testing.T, l netlink.Link, parts ...string) {
	t.Helper()
	must(t, s.Do(func() error { return netlink.LinkAdd(l) }))
	for _, p := range parts {
		s.join(t, p, l.Attrs().Name)
	}
	s.SetUp(t, l.Attrs().Name)
}

// join makes an interface a part of another; a bond takes it only while it is down.
func (s stack) join(t *testing.T, part, master string) {
	t.Helper()
	s.SetDown(t, part)
	must(t, s.Do(func() error {
		l, err := netlink.LinkByName(part)
		if err != nil {
			return err
		}
		m, err := netlink.LinkByName(master)
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, m)
	}))
	s.SetUp(t, part)
}

func (s stack) vlan(t *testing.T, parent, name string, vid int, protocol netlink.VlanProtocol) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, s.Ifindex(t, parent)
	s.add(t, &netlink.Vlan{LinkAttrs: attrs, VlanId: vid, VlanProtocol: protocol})
}

func (s stack) bond(t *testing.T, name string, mode netlink.BondMode, members ...string) {
	t.Helper()
	s.bonded(t, name, func(b *netlink.Bond) {
		if b.Mode = mode; mode == netlink.BOND_MODE_802_3AD {
			b.LacpRate = netlink.BOND_LACP_RATE_FAST
		}
	}, members...)
}

// bonded adds a bond in mode active-backup, unless change makes it another.
func (s stack) bonded(t *testing.T, name string, change func(*netlink.Bond), members ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	b := netlink.NewLinkBond(attrs)
	b.Mode, b.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 100
	change(b)
	s.add(t, b, members...)
}

// activate has a bond send by another member.
func (s stack) activate(t *testing.T, bond, member string) {
	t.Helper()
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(s.Ifindex(t, bond))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bond"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BOND_ACTIVE_SLAVE, nl.Uint32Attr(uint32(s.Ifindex(t, member))))
	must(t, s.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
		req.AddData(msg)
		req.AddData(info)
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}))
}

// leave takes an interface out of what it is a part of, and down.
func (s stack) leave(t *testing.T, part string) {
	t.Helper()
	must(t, s.Do(func() error {
		l, err := netlink.LinkByName(part)
		if err == nil {
			err = netlink.LinkSetNoMaster(l)
		}
		return err
	}))
	s.SetDown(t, part)
}

func (s stack) bridge(t *testing.T, name string, ports ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	s.add(t, &netlink.Bridge{LinkAttrs: attrs}, ports...)
}

// ends are two hosts, joined by n veths x0-y0, x1-y1, ….
func ends(t *testing.T, n int) (a, b stack) {
	t.Helper()
	a, b = stack{testnet.NewNS(t, "a")}, stack{testnet.NewNS(t, "b")}
	for i := range n {
		testnet.Veth(t, a.NS, named("x", i), b.NS, named("y", i))
	}
	return a, b
}

func named(name string, i int) string { return name + string(rune('0'+i)) }

// speak starts a speaker in a namespace.
func (s stack) speak(t *testing.T) *speaker.Speaker {
	t.Helper()
	sp, err := speaker.New(speaker.Options{In: s.Do, DeadMan: 3 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, sp.Close()) })
	return sp
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
