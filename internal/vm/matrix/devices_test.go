//go:build vm

package matrix_test

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// site is where the sessions of a device run.
type site struct {
	ifname  string
	vrf     string // "" for none
	workers int    // 0 for one
}

// devices build what a session's interface may be, in one namespace of a bed, and
// say where its sessions are to run.
var devices = map[matrix.Device]func(t *testing.T, ns *testnet.NS) site{
	matrix.Plain: func(t *testing.T, ns *testnet.NS) site { return site{ifname: "p0"} },
	matrix.VLAN: func(t *testing.T, ns *testnet.NS) site {
		return site{ifname: vlan(t, ns, "p0", 100, netlink.VLAN_PROTOCOL_8021Q)}
	},
	matrix.QinQ:       qinq,
	matrix.BondBackup: bondBackup,
	matrix.Bond8023ad: bond8023ad,
	matrix.Bridge:     bridge,
	matrix.VRF:        vrf,
	matrix.ManyQueues: func(t *testing.T, ns *testnet.NS) site { return site{ifname: "p0", workers: 2} },
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

// vlan makes the VLAN device of a tag.
func vlan(t *testing.T, ns *testnet.NS, parent string, id int, protocol netlink.VlanProtocol) (name string) {
	t.Helper()
	name = "v" + parent
	a := attrs(name)
	a.ParentIndex = ns.Ifindex(t, parent)
	add(t, ns, &netlink.Vlan{LinkAttrs: a, VlanId: id, VlanProtocol: protocol})
	return name
}

func qinq(t *testing.T, ns *testnet.NS) site {
	outer := vlan(t, ns, "p0", 200, netlink.VLAN_PROTOCOL_8021AD)
	return site{ifname: vlan(t, ns, outer, 100, netlink.VLAN_PROTOCOL_8021Q)}
}

func bond(t *testing.T, ns *testnet.NS, change func(*netlink.Bond)) site {
	b := netlink.NewLinkBond(attrs("bond"))
	b.Miimon = 100
	change(b)
	add(t, ns, b)
	for _, p := range ports {
		enslave(t, ns, p, b.Name)
	}
	return site{ifname: b.Name}
}

// bondBackup prefers the first member: both ends have to use the same.
func bondBackup(t *testing.T, ns *testnet.NS) site {
	s := bond(t, ns, func(b *netlink.Bond) { b.Mode = netlink.BOND_MODE_ACTIVE_BACKUP })
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(ns.Ifindex(t, s.ifname))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bond"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BOND_PRIMARY, nl.Uint32Attr(uint32(ns.Ifindex(t, ports[0]))))
	must(t, ns.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
		req.AddData(msg)
		req.AddData(info)
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}))
	return s
}

func bond8023ad(t *testing.T, ns *testnet.NS) site {
	return bond(t, ns, func(b *netlink.Bond) {
		b.Mode = netlink.BOND_MODE_802_3AD
		b.LacpRate = netlink.BOND_LACP_RATE_FAST
	})
}

func bridge(t *testing.T, ns *testnet.NS) site {
	snoop := false
	add(t, ns, &netlink.Bridge{LinkAttrs: attrs("br"), MulticastSnooping: &snoop})
	enslave(t, ns, ports[0], "br")
	return site{ifname: "br"}
}

func vrf(t *testing.T, ns *testnet.NS) site {
	add(t, ns, &netlink.Vrf{LinkAttrs: attrs("red"), Table: 10})
	enslave(t, ns, ports[0], "red")
	return site{ifname: ports[0], vrf: "red"}
}

// queues returns how many receive queues an interface has.
func queues(t *testing.T, ns *testnet.NS, ifname string) (n int) {
	t.Helper()
	must(t, ns.Do(func() error {
		l, err := netlink.LinkByName(ifname)
		if err == nil {
			n = l.Attrs().NumRxQueues
		}
		return err
	}))
	return n
}

const patience = 30 * time.Second
