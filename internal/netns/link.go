package netns

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// VethOptions chooses the particulars of a veth pair; the zero value is one
// queue, random MACs, the kernel's MTU, both ends up.
type VethOptions struct {
	Queues       int              // receive and transmit queues of each end; 0 = 1
	MAC, PeerMAC net.HardwareAddr // of the first and the second end
	MTU          int              // of both ends
	Down         bool             // leave both ends down
}

// nextIndex gives every pair's first end an interface index of its own. Where
// both ends have the same index in their namespaces the kernel takes the pair
// for a device without a lower one, and lets up to a second pass before it
// sees its carrier.
var nextIndex atomic.Int32

const firstIndex = 1000 // above those that the kernel gives out by itself

// Veth joins interface an of namespace a to interface bn of namespace b. It
// returns when frames pass, unless the ends are to be left down.
func Veth(a *NS, an string, b *NS, bn string, o VethOptions) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.MTU = an, o.MAC, o.MTU
	attrs.Index = firstIndex + int(nextIndex.Add(1))
	attrs.NumTxQueues, attrs.NumRxQueues = max(o.Queues, 1), max(o.Queues, 1)
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerHardwareAddr = bn, o.PeerMAC
	veth.PeerNamespace = netlink.NsFd(b.FD())
	if err := a.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("add veth %s in %s, %s in %s: %w", an, a.name, bn, b.name, err)
	}
	if o.Down {
		return nil
	}
	if err := a.SetUp(an); err != nil {
		return err
	}
	if err := b.SetUp(bn); err != nil {
		return err
	}
	return errors.Join(a.settle(an), b.settle(bn))
}

// settleTime is what the kernel may take for that: it needs the lock of everything
// that changes on any interface of the host.
const settleTime = 10 * time.Second

// settle waits until an interface that is up works. The kernel sees to that in
// the background: until it has seen the carrier it drops what is to be sent,
// and until it has been through the motions of duplicate address detection,
// even if that is off, it does not answer for an IPv6 address.
func (n *NS) settle(ifname string) error {
	l, err := n.link(ifname)
	for giveUp := time.Now().Add(settleTime); time.Now().Before(giveUp); {
		if err != nil {
			return err
		}
		if l.Attrs().RawFlags&unix.IFF_RUNNING != 0 {
			addrs, err := n.nl.AddrList(l, netlink.FAMILY_V6)
			switch {
			case errors.Is(err, netlink.ErrDumpInterrupted): // an address changed meanwhile
			case err != nil:
				return fmt.Errorf("list addresses of %s in %s: %w", ifname, n.name, err)
			case !slices.ContainsFunc(addrs, tentative):
				return nil
			}
		}
		time.Sleep(time.Millisecond)
		l, err = n.link(ifname)
	}
	return fmt.Errorf("interface %s in %s does not come up", ifname, n.name)
}

func tentative(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 }

// Interface is what Link tells of an interface.
type Interface struct {
	Index   int
	MAC     net.HardwareAddr
	Up      bool // administratively
	Carrier bool
}

// Link looks an interface up.
func (n *NS) Link(ifname string) (Interface, error) {
	l, err := n.link(ifname)
	if err != nil {
		return Interface{}, err
	}
	a := l.Attrs()
	return Interface{
		Index:   a.Index,
		MAC:     a.HardwareAddr,
		Up:      a.Flags&net.FlagUp != 0,
		Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
	}, nil
}

// SetUp brings an interface up.
func (n *NS) SetUp(ifname string) error {
	return n.change("bring up", ifname, n.nl.LinkSetUp)
}

// SetDown brings an interface down.
func (n *NS) SetDown(ifname string) error {
	return n.change("bring down", ifname, n.nl.LinkSetDown)
}

// DelLink deletes an interface; a veth's other end goes with it.
func (n *NS) DelLink(ifname string) error {
	return n.change("delete", ifname, n.nl.LinkDel)
}

// Rename gives an interface another name. Kernels before 6.3 refuse that while
// it is up.
func (n *NS) Rename(ifname, name string) error {
	return n.change("rename", ifname, func(l netlink.Link) error { return n.nl.LinkSetName(l, name) })
}

// SetMAC changes an interface's Ethernet address.
func (n *NS) SetMAC(ifname string, mac net.HardwareAddr) error {
	return n.change("set MAC of", ifname, func(l netlink.Link) error {
		return n.nl.LinkSetHardwareAddr(l, mac)
	})
}

// SetMaster makes an interface a part of another, such as a bond, a bridge or a VRF,
// or of none ("").
func (n *NS) SetMaster(ifname, master string) error {
	if master == "" {
		return n.change("take out of its master", ifname, n.nl.LinkSetNoMaster)
	}
	m, err := n.link(master)
	if err != nil {
		return err
	}
	return n.change("put under "+master, ifname, func(l netlink.Link) error { return n.nl.LinkSetMaster(l, m) })
}

// AddLink adds a device, which is down unless l says otherwise.
func (n *NS) AddLink(l netlink.Link) error {
	if err := n.nl.LinkAdd(l); err != nil {
		return fmt.Errorf("add %s %s in %s: %w", l.Type(), l.Attrs().Name, n.name, err)
	}
	return nil
}

func (n *NS) change(verb, ifname string, fn func(netlink.Link) error) error {
	l, err := n.link(ifname)
	if err != nil {
		return err
	}
	if err := fn(l); err != nil {
		return fmt.Errorf("%s %s in %s: %w", verb, ifname, n.name, err)
	}
	return nil
}

func (n *NS) link(ifname string) (netlink.Link, error) {
	l, err := n.nl.LinkByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("find interface %s in %s: %w", ifname, n.name, err)
	}
	return l, nil
}
