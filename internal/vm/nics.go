package vm

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/netns"
)

// Pair is two network cards of a guest, joined back to back.
type Pair struct {
	Model  string // as QEMU calls it
	Queues int    // more than 1: as many, where the model has them
}

const virtio = "virtio-net-pci"

// mac returns the Ethernet address by which the guest knows end 0 or 1 of pair n:
// under QEMU's prefix, then the number of the pair and of the end, both from 1.
func mac(n, end int) string { return fmt.Sprintf("52:54:00:00:%02x:%02x", n+1, end+1) }

// tap is the name, outside of the guest, of what a card with several queues is
// joined to.
func tap(n, end int) string { return fmt.Sprintf("card%d-%d", n, end) }

// args returns QEMU's arguments for the cards. QEMU's own hubs join them where one
// queue is enough; they, and its sockets, have only one.
func (p Pair) args(n int) (args []string) {
	for end := range 2 {
		id := fmt.Sprintf("card%d.%d", n, end)
		device := fmt.Sprintf("%s,netdev=%s,mac=%s", p.Model, id, mac(n, end))
		backend := fmt.Sprintf("hubport,id=%s,hubid=%d", id, n)
		if p.Queues > 1 {
			backend = fmt.Sprintf("tap,id=%s,ifname=%s,queues=%d,script=no,downscript=no", id, tap(n, end), p.Queues)
			device += fmt.Sprintf(",mq=on,vectors=%d", 2*p.Queues+2) // one for each queue and way, configuration, control
		}
		if p.Model == virtio { // else it has none, and bonds of 802.3ad leave it out
			device += ",speed=10000,duplex=full"
		}
		args = append(args, "-netdev", backend, "-device", device)
	}
	return args
}

// join makes the taps of a pair with several queues and the bridge between them, in
// the namespace where QEMU is to run. They go with the namespace.
func (p Pair) join(ns *netns.NS, n int) error {
	if p.Queues <= 1 {
		return nil
	}
	return ns.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = fmt.Sprintf("join%d", n)
		snoop := false
		bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snoop}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add bridge between cards: %w", err)
		}
		for end := range 2 {
			if err := addTap(tap(n, end), bridge); err != nil {
				return fmt.Errorf("add tap %s: %w", tap(n, end), err)
			}
		}
		return netlink.LinkSetUp(bridge)
	})
}

// lacp is the bit of the group address 01:80:C2:00:00:02 in a port's mask of those
// that a bridge passes on: bonds of 802.3ad speak to each other by it.
const lacp = 1 << 2

func addTap(name string, bridge netlink.Link) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	// Two queues tell the package that there may be many; it leaves the device
	// without any, for QEMU to open.
	t := &netlink.Tuntap{
		LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP, Queues: 2,
		Flags: netlink.TUNTAP_MULTI_QUEUE_DEFAULTS | netlink.TUNTAP_VNET_HDR,
	}
	if err := netlink.LinkAdd(t); err != nil {
		return err
	}
	for _, f := range t.Fds {
		_ = f.Close()
	}
	if err := netlink.LinkSetMaster(t, bridge); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(t); err != nil {
		return err
	}
	return netlink.LinkSetBRSlaveGroupFwdMask(t, lacp)
}
