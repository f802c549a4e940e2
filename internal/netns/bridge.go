package netns

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// States of a bridge port, linux/if_bridge.h.
const (
	portDisabled   = 0
	portForwarding = 3
)

// Bridge is an Ethernet bridge in a namespace of its own between others. A
// path through it can be cut in silence: both ends keep their carrier, and no
// frame of any kind passes, whether it was sent by a socket or by AF_XDP.
type Bridge struct {
	ns    *NS
	link  *netlink.Bridge
	ports int
}

// NewBridge makes a bridge in mid. The bridge and its ports stay silent
// themselves: no spanning tree, no IPv6, no multicast snooping.
func NewBridge(mid *NS, name string) (*Bridge, error) {
	if err := mid.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"); err != nil {
		return nil, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	snoop := false
	b := &Bridge{ns: mid, link: &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snoop}}
	if err := mid.AddLink(b.link); err != nil {
		return nil, err
	}
	return b, mid.SetUp(name)
}

// Port joins interface ifname of namespace far to the bridge by a veth pair
// and returns the name of the port at the bridge's end. The MAC and queues of
// o are those of ifname.
func (b *Bridge) Port(far *NS, ifname string, o VethOptions) (port string, err error) {
	port = fmt.Sprintf("%s-p%d", b.link.Name, b.ports)
	down := o
	down.Down = true
	if err := Veth(far, ifname, b.ns, port, down); err != nil {
		return "", err
	}
	b.ports++
	err = b.ns.SetMaster(port, b.link.Name)
	if err != nil || o.Down {
		return port, err
	}
	if err := b.ns.SetUp(port); err != nil {
		return port, err
	}
	if err := far.SetUp(ifname); err != nil {
		return port, err
	}
	return port, errors.Join(far.settle(ifname), b.ns.settle(port))
}

// Cut stops every frame through the port, in both directions, without a change
// of carrier anywhere.
func (b *Bridge) Cut(port string) error { return b.setState(port, portDisabled) }

// Restore undoes Cut.
func (b *Bridge) Restore(port string) error { return b.setState(port, portForwarding) }

func (b *Bridge) setState(port string, state uint8) error {
	return b.ns.change("set bridge port state of", port, func(l netlink.Link) error {
		req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
		msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
		msg.Index = int32(l.Attrs().Index)
		req.AddData(msg)
		info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
		info.AddRtAttr(nl.IFLA_BRPORT_STATE, nl.Uint8Attr(state))
		req.AddData(info)
		return b.ns.Do(func() error {
			_, err := req.Execute(unix.NETLINK_ROUTE, 0)
			return err
		})
	})
}
