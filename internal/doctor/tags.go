package doctor

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/features"
	"github.com/xbfd/xbfd/netlinkmon"
)

// Values of Link.Tags.
const (
	TagsTaken  = "taken"  // the device takes them off, and can be told not to
	TagsBeside = "beside" // the driver hands them over beside the frames
)

// underVLAN tells an interface on which frames of a VLAN device arrive.
func underVLAN(lowers map[string]*netlinkmon.Lowers, index int) bool {
	for name, l := range lowers {
		if l.VLAN != 0 && below(lowers, name, index) {
			return true
		}
	}
	return false
}

// tags says what becomes of the tags of frames that arrive on a link.
func tags(link netlink.Link) string {
	switch link.Type() {
	case "tuntap":
		return "" // frames come as the program has written them
	case "device":
	default:
		return TagsBeside
	}
	d, err := features.Open(link.Attrs().Name)
	if err != nil {
		return ""
	}
	defer d.Close()
	if on, err := d.Active("rx-vlan-hw-parse"); err == nil && on {
		return TagsTaken
	}
	return ""
}

// vlanTags says what XDP is not shown of VLANs.
func vlanTags(h *Host) []Finding {
	return h.each("vlan-tags", func(l *Link) (string, string) {
		switch {
		case h.Want.transport(l.Name) == "udp":
			return "", ""
		case l.Tags == TagsTaken:
			return OK, fmt.Sprintf("driver %s takes VLAN tags off the frames: while sessions run here xbfd has it leave them (ethtool -K %s "+
				"rx-vlan-offload off), and switches that back", l.Driver, l.Name)
		case l.Tags == TagsBeside:
			return Warn, fmt.Sprintf("driver %s hands VLAN tags over beside the frames, where XDP does not look: what other kernels send on "+
				"VLANs comes by UDP sockets, as do frames without a tag", l.Driver)
		}
		return "", ""
	})
}
