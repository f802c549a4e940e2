package explain

import (
	"slices"

	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// above returns whose a frame is that arrives on an interface, and the frame as it
// is there: a VLAN device's without the tag that XDP knows it by, or a bond's. It is
// the interface's own where nothing else is known.
func (e *Explainer) above(ifname string, b []byte) (owner string, bare []byte) {
	var d packet.Datagram
	packet.ParseEthernet(b, &d)
	for name, l := range e.o.Lowers {
		on := func(m netlinkmon.Lower) bool { return m.Name == ifname }
		if l.VLAN != d.VLAN || len(l.Members) == 0 || name != ifname && !slices.ContainsFunc(l.Members, on) {
			continue
		}
		if d.VLAN != 0 {
			b = slices.Concat(b[:12], b[16:])
		}
		return name, b
	}
	return ifname, b
}
