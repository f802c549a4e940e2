package wire

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/features"
)

// The features by which a device takes the tags of IEEE 802.1Q and 802.1ad off and
// hands them over beside the frames. An XDP program sees only what is in a frame, so
// a frame of a VLAN would look to it like one without.
var tagFeatures = []string{"rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"}

// tags sees to it that nothing of a VLAN is taken for a frame without a tag, while
// devices of VLANs lie over an interface. The tags are left in the frames, if the
// device can be told to; else the program leaves to the kernel what may have lost one.
// The changes outlive the process, so a journal is kept of them.
type tags struct {
	mu     sync.Mutex
	device *features.Device // nil while nothing was switched off
	off    []bpf.Remains    // features that were switched off
	reason string           // for people: what the program does not see
}

// FollowVLANs makes the XDP program agree with what lies over the interface: it is
// called after a VLAN device has come, before SetUpper is, in the network namespace
// of Open. Stale does so itself. The device is left as it is: what a change of it does
// to sessions that run, some drivers take the link down for a moment. Open and Climb
// change it.
func (i *Interface) FollowVLANs() error {
	if i.program == nil {
		return nil
	}
	return i.followVLANs(i.program, false)
}

func (i *Interface) followVLANs(p *bpf.Program, change bool) error {
	t := i.tags
	t.mu.Lock()
	defer t.mu.Unlock()
	lost, why := bpf.LostNone, ""
	over, stacked, err := vlansOver(i.ifindex, i.name)
	switch {
	case err != nil:
		lost, why = bpf.LostOuter, fmt.Sprintf("find VLANs over %s: %v", i.name, err)
	case over:
		if why = t.show(i, change); why != "" {
			lost, why = bpf.LostTags, why+": frames without a tag in them are left to the kernel"
		}
		if why != "" && stacked {
			lost, why = bpf.LostOuter, why+", and with VLANs over VLANs all others"
		}
	}
	if why != t.reason {
		i.options.Logger.Info("VLAN tags", "ifname", i.name, "reason", cmp.Or(why, "all are seen"))
	}
	t.reason = why
	return errors.Join(err, p.SetLost(lost))
}

// show has the device leave tags in the frames, if it may be changed, or says why they
// are not seen.
func (t *tags) show(i *Interface, change bool) (why string) {
	l, err := netlink.LinkByIndex(i.ifindex)
	if err != nil {
		return reason(err)
	}
	switch l.Type() {
	case "device":
	case "tuntap":
		return "" // what a program writes comes as it was written
	default:
		// They have no such features, or, as veth does, have them without effect.
		return fmt.Sprintf("driver %s hands VLAN tags over beside the frames", driver(i.name))
	}
	if t.device == nil {
		if t.device, err = features.Open(i.name); err != nil {
			return reason(err)
		}
	}
	t.device.Rename(i.name)
	for _, f := range tagFeatures {
		on, err := t.device.Active(f)
		switch {
		case errors.Is(err, unix.EOPNOTSUPP) || err == nil && !on:
			continue
		case err == nil && !change:
			return fmt.Sprintf("the card takes VLAN tags off until the interface is opened anew (xbfd interface %s --transport %s)",
				i.name, i.options.Transport)
		case err == nil:
			err = t.switchOff(i, f)
		}
		if err != nil {
			return reason(err)
		}
	}
	return ""
}

func (t *tags) switchOff(i *Interface, feature string) error {
	j := i.options.Journal
	if j == nil {
		return fmt.Errorf("feature %s stays on without a journal of what outlives the process", feature)
	}
	r := bpf.Remains{Kind: bpf.RemainsFeature, Interface: i.name, Ifindex: i.ifindex, Feature: feature}
	if err := j.Note(r); err != nil {
		return err
	}
	if err := t.device.Set(feature, false); err != nil {
		return errors.Join(err, j.Strike(r))
	}
	i.options.Logger.Info("VLAN tags stay in the frames", "ifname", i.name, "off", feature)
	t.off = append(t.off, r)
	return nil
}

// close gives the device its features back.
func (t *tags) close(i *Interface) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device == nil {
		return nil
	}
	t.device.Rename(i.name)
	var errs []error
	for _, r := range t.off {
		err := t.device.Set(r.Feature, true)
		if err == nil || errors.Is(err, unix.ENODEV) {
			err = i.options.Journal.Strike(r)
		}
		errs = append(errs, err)
	}
	errs = append(errs, t.device.Close())
	t.device, t.off = nil, nil
	return errors.Join(errs...)
}

// unseen says for people what the program does not see, "" if it sees all.
func (t *tags) unseen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason
}

// vlanList is where the kernel lists the VLAN devices of a network namespace, of the
// calling thread's here.
const vlanList = "/proc/thread-self/net/vlan/config"

// vlansOver reports whether VLAN devices lie over an interface, or over the bond or
// bridge that it is part of, and others over these.
func vlansOver(ifindex int, name string) (over, stacked bool, err error) {
	text, err := os.ReadFile(vlanList)
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil // a kernel without VLANs, or that has none yet
	}
	if err != nil {
		return false, false, err
	}
	names := []string{name}
	l, err := netlink.LinkByIndex(ifindex)
	if err != nil {
		return false, false, err
	}
	if l.Attrs().MasterIndex != 0 {
		master, err := netlink.LinkByIndex(l.Attrs().MasterIndex)
		if err != nil {
			return false, false, err
		}
		names = append(names, master.Attrs().Name)
	}
	over, stacked = overlying(string(text), names)
	return over, stacked, nil
}

// overlying reads such a list.
func overlying(list string, names []string) (over, stacked bool) {
	parents := make(map[string]string) // by name of the device
	for line := range strings.Lines(list) {
		name, rest, _ := strings.Cut(line, "|")
		_, parent, ok := strings.Cut(rest, "|")
		if ok {
			parents[strings.TrimSpace(name)] = strings.TrimSpace(parent)
		}
	}
	is := func(parent string) bool {
		for _, n := range names {
			if n == parent {
				return true
			}
		}
		return false
	}
	for _, parent := range parents {
		over = over || is(parent)
		stacked = stacked || is(parents[parent])
	}
	return over, stacked
}
