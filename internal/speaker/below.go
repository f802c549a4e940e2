package speaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// below is what an interface that is made of others has below it: the lower
// interfaces with their rings. It is the path loop's, but s.mu guards changes.
type below struct {
	want   *netlinkmon.Lowers // as the monitor tells; nil where there is nothing below
	lowers []lower            // in its order
	mac    packet.MAC         // that frames arrive for, of the interface above
	via    int                // index of the one by which frames leave, 0: the interface itself
	again  bool               // one is not open that could be: to be tried again
}

// lower is one of them.
type lower struct {
	netlinkmon.Lower
	open    bool   // counted among the users of its iface
	steered bool   // the XDP program takes frames there for the interface above
	fault   string // why it has no ring for the interface above, "" if it has
}

// ownTransport returns the transport that an interface itself is opened with. One
// whose frames are taken below it needs no more than sockets: for the frames that
// the programs leave to the kernel, and for those that go while no lower interface
// has a ring.
func ownTransport(asked string, l *netlinkmon.Lowers) string {
	if l != nil && !l.Own && asked != wire.TransportGeneric {
		return wire.TransportUDP
	}
	return asked
}

// takesBelow says whether the frames of an interface are to be taken below it.
func takesBelow(asked string, l *netlinkmon.Lowers) bool {
	return l != nil && !l.Own && asked != wire.TransportGeneric && asked != wire.TransportUDP
}

// vid is the VLAN whose frames are taken below, 0 for those without a tag.
func (b *below) vid() uint16 {
	if b.want == nil {
		return 0
	}
	return b.want.VLAN
}

// lower returns the lower interface of an index, a zero one if it is none.
func (b *below) lower(ifindex int) lower {
	at := slices.IndexFunc(b.lowers, func(l lower) bool { return l.Ifindex == ifindex })
	if at < 0 {
		return lower{}
	}
	return b.lowers[at]
}

// steers says whether a ring takes frames below.
func (b *below) steers() bool {
	return slices.ContainsFunc(b.lowers, func(l lower) bool { return l.open && l.fault == "" })
}

// reason says for people why no ring takes frames below, or not all do.
func (b *below) reason() string {
	if b.want == nil {
		return ""
	}
	var faults []string
	if b.want.Reason != "" {
		faults = append(faults, b.want.Reason)
	}
	for _, l := range b.lowers {
		if l.fault != "" {
			faults = append(faults, l.Name+": "+l.fault)
		}
	}
	return strings.Join(faults, "; ")
}

// lacking is the error where AF_XDP is asked for and no lower interface has it.
func (f *iface) lacking(asked string) error {
	if asked != wire.TransportXDP || !takesBelow(asked, f.below.want) || f.below.steers() {
		return nil
	}
	return fmt.Errorf("open interface %s: %w: %s: %s", f.name, wire.ErrNoXDP, f.below.want.Kind, f.below.reason())
}
