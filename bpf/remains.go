package bpf

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/features"
	"github.com/xbfd/xbfd/internal/flowrules"
)

// Remains is something that the kernel keeps when the process that made it dies.
// Values that are equal name the same thing.
type Remains struct {
	Kind      RemainsKind `json:"kind"`
	Interface string      `json:"interface,omitempty"` // its name when the thing was made, for people
	Ifindex   int         `json:"ifindex,omitempty"`
	Priority  uint16      `json:"priority,omitempty"` // of a filter
	Handle    uint32      `json:"handle,omitempty"`   // of a filter
	Program   uint32      `json:"program,omitempty"`  // id of the BPF program that a filter runs
	Port      uint16      `json:"port,omitempty"`     // UDP, of a flow rule
	V6        bool        `json:"ipv6,omitempty"`     // a flow rule is for IPv6
	Queue     uint32      `json:"queue,omitempty"`    // that a flow rule steers to
	Feature   string      `json:"feature,omitempty"`  // of the device, by ethtool's name, switched off
}

// RemainsKind says what is left.
type RemainsKind string

// The kinds.
const (
	RemainsFilter RemainsKind = "filter" // a BPF filter at the ingress hook of an interface
	RemainsClsact RemainsKind = "clsact" // the qdisc that holds the filters of an interface
	RemainsRule   RemainsKind = "rule"   // a flow rule of a network card

	RemainsFeature RemainsKind = "feature" // a device without a feature that it had
)

// A Journal is told what is about to outlive the process, so that somebody can
// remove it if the process does not come to. Note returns when it is written
// down, and what it is about is made only then; Strike takes it back once that is
// gone, or is others' now.
type Journal interface {
	Note(Remains) error
	Strike(Remains) error
}

// Removal is what became of Remains.
type Removal string

// The ways to be gone, or not.
const (
	Removed Removal = "removed"
	Absent  Removal = "was gone already"
	InUse   Removal = "left, because others use it"

	Restored Removal = "switched on again" // a feature
	IsOn     Removal = "was on already"
)

// Remove removes it from the network namespace of the calling thread, or gives a
// device its feature back. A filter that runs another program than the noted one and
// a clsact with any filter are not touched.
func (r Remains) Remove() (Removal, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return "", fmt.Errorf("open netlink socket: %w", err)
	}
	defer h.Close()
	return r.removeBy(h)
}

func (r Remains) removeBy(h *netlink.Handle) (done Removal, err error) {
	switch r.Kind {
	case RemainsFilter:
		done, err = r.removeFilter(h)
	case RemainsClsact:
		done, err = r.removeClsact(h)
	case RemainsRule:
		done, err = r.removeRule(h)
	case RemainsFeature:
		done, err = r.restoreFeature(h)
	default:
		return "", fmt.Errorf("remove %q of %s: no such kind is known here: it was made by another version", r.Kind, r.Interface)
	}
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOENT):
		return Absent, nil // it went meanwhile
	case err != nil:
		return "", fmt.Errorf("remove %s of %s: %w", r.Kind, r.Interface, err)
	}
	return done, nil
}

func (r Remains) removeFilter(h *netlink.Handle) (Removal, error) {
	there, err := filters(h, r.Ifindex, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return "", err
	}
	for _, f := range there {
		if b, ok := f.(*netlink.BpfFilter); ok && uint32(b.Id) == r.Program && b.Handle == r.Handle && b.Priority == r.Priority {
			return Removed, h.FilterDel(r.filter(-1))
		}
	}
	return Absent, nil
}

// filter is the kernel's request about it; fd is the program's, -1 for none.
func (r Remains) filter(fd int) *netlink.BpfFilter {
	return &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: r.Ifindex, Parent: netlink.HANDLE_MIN_INGRESS,
			Handle: r.Handle, Priority: r.Priority, Protocol: unix.ETH_P_ALL,
		},
		Fd: fd, Name: "xbfd", DirectAction: true,
	}
}

func (r Remains) removeClsact(h *netlink.Handle) (Removal, error) {
	kind, err := ingress(h, r.Ifindex)
	if err != nil || kind != "clsact" {
		return Absent, err
	}
	for _, hook := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		there, err := filters(h, r.Ifindex, hook)
		if err != nil || len(there) > 0 {
			return InUse, err
		}
	}
	return Removed, h.QdiscDel(clsact(r.Ifindex))
}

func (r Remains) removeRule(h *netlink.Handle) (Removal, error) {
	name, err := r.card(h)
	if err != nil || name == "" {
		return Absent, err
	}
	c, err := flowrules.Open(name)
	if err != nil {
		return "", err
	}
	defer c.Close()
	was, err := c.Remove(flowrules.Rule{V6: r.V6, Port: r.Port, Queue: r.Queue})
	switch {
	case errors.Is(err, flowrules.ErrNone): // another card has its index
		return Absent, nil
	case err != nil:
		return "", err
	case !was:
		return Absent, nil
	}
	return Removed, nil
}

func (r Remains) restoreFeature(h *netlink.Handle) (Removal, error) {
	name, err := r.card(h)
	if err != nil || name == "" {
		return Absent, err
	}
	d, err := features.Open(name)
	if err != nil {
		return "", err
	}
	defer d.Close()
	if on, err := d.Active(r.Feature); on || err != nil {
		return IsOn, err
	}
	err = d.Set(r.Feature, true)
	if errors.Is(err, features.ErrFixed) { // another card has its index
		return Absent, nil
	}
	return Restored, err
}

// card returns the name that the interface has by now, "" if it is gone.
func (r Remains) card(h *netlink.Handle) (name string, err error) {
	l, err := h.LinkByIndex(r.Ifindex)
	if _, gone := errors.AsType[netlink.LinkNotFoundError](err); gone {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return l.Attrs().Name, nil
}

func clsact(ifindex int) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

// ingress returns the kind of qdisc that holds an interface's filters at ingress,
// "" if it has none.
func ingress(h *netlink.Handle, ifindex int) (kind string, err error) {
	err = settled(func() error {
		kind = ""
		list, err := h.QdiscList(at(ifindex))
		for _, q := range list {
			if q.Attrs().LinkIndex == ifindex && q.Attrs().Parent == netlink.HANDLE_INGRESS {
				kind = q.Type()
			}
		}
		return err
	})
	return kind, err
}

func filters(h *netlink.Handle, ifindex int, hook uint32) (list []netlink.Filter, err error) {
	err = settled(func() (err error) {
		list, err = h.FilterList(at(ifindex), hook)
		return err
	})
	return list, err
}

// at names an interface by its index.
func at(ifindex int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}
}

// settled reads a list again if something changed while it was read.
func settled(read func() error) (err error) {
	for range 10 {
		if err = read(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return err
}
