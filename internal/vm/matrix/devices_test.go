//go:build vm

package matrix_test

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// site is where the sessions of a device run.
type site struct {
	ifname  string
	vrf     string // "" for none
	workers int    // 0 for one
}

// builders make what a session's interface may be, in one namespace of a bed, and
// say where its sessions are to run.
var builders = map[matrix.Device]func(t *testing.T, n devices.NS) site{
	matrix.Plain: func(t *testing.T, n devices.NS) site { return site{ifname: ports[0]} },
	matrix.VLAN: func(t *testing.T, n devices.NS) site {
		n.VLAN(t, ports[0], "vp0", 100, netlink.VLAN_PROTOCOL_8021Q)
		return site{ifname: "vp0"}
	},
	matrix.QinQ: func(t *testing.T, n devices.NS) site {
		n.VLAN(t, ports[0], "vp0", 200, netlink.VLAN_PROTOCOL_8021AD)
		n.VLAN(t, "vp0", "vvp0", 100, netlink.VLAN_PROTOCOL_8021Q)
		return site{ifname: "vvp0"}
	},
	matrix.BondBackup: func(t *testing.T, n devices.NS) site {
		n.Bond(t, "bond", netlink.BOND_MODE_ACTIVE_BACKUP, nil, ports...)
		n.Prefer(t, "bond", ports[0]) // both ends have to use the same
		return site{ifname: "bond"}
	},
	matrix.Bond8023ad: func(t *testing.T, n devices.NS) site {
		n.Bond(t, "bond", netlink.BOND_MODE_802_3AD, nil, ports...)
		return site{ifname: "bond"}
	},
	matrix.Bridge: func(t *testing.T, n devices.NS) site {
		n.Bridge(t, "br", ports[0])
		return site{ifname: "br"}
	},
	matrix.VRF: func(t *testing.T, n devices.NS) site {
		n.VRF(t, "red", 10, ports[0])
		return site{ifname: ports[0], vrf: "red"}
	},
	matrix.ManyQueues: func(t *testing.T, n devices.NS) site { return site{ifname: ports[0], workers: 2} },
}

// queues returns how many receive queues an interface has.
func queues(t *testing.T, ns devices.NS, ifname string) (n int) {
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
