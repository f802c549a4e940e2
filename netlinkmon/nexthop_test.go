package netlinkmon

import (
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const rtaNexthop = 30 // RTA_NH_ID of linux/rtnetlink.h

// nexthopMsg is struct nhmsg of linux/nexthop.h.
type nexthopMsg [8]byte

func (m nexthopMsg) Len() int          { return len(m) }
func (m nexthopMsg) Serialize() []byte { return m[:] }

// nexthop makes, replaces or, without an interface, deletes next-hop object 5.
func (m *mesh) nexthop(k *kernel, ifname, router string) {
	m.t.Helper()
	kind, flags, id := uint16(unix.RTM_DELNEXTHOP), unix.NLM_F_ACK, nl.NewRtAttr(unix.NHA_ID, nl.Uint32Attr(5))
	if ifname != "" {
		kind, flags = unix.RTM_NEWNEXTHOP, flags|unix.NLM_F_CREATE|unix.NLM_F_REPLACE
	}
	req := k.request(kind, flags)
	if ifname == "" {
		req.AddData(nexthopMsg{})
		req.AddData(id)
	} else {
		req.AddData(nexthopMsg{unix.AF_INET})
		req.AddData(id)
		req.AddData(nl.NewRtAttr(unix.NHA_OIF, nl.Uint32Attr(uint32(m.a.Ifindex(m.t, ifname)))))
		req.AddData(nl.NewRtAttr(unix.NHA_GATEWAY, ip(router).AsSlice()))
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	m.must(err)
}

// Routes may share a next-hop object, which changes and goes without a word
// about them.
func TestMultihopByNexthopObject(t *testing.T) {
	n := newMesh(t)
	n.a.Sysctl(t, "net/ipv4/nexthop_compat_mode", "0")
	var k *kernel
	n.must(n.a.Do(func() (err error) {
		k, err = openKernel()
		return err
	}))
	defer k.close()
	n.nexthop(k, "x1", "192.0.2.2")
	req := k.request(unix.RTM_NEWROUTE, unix.NLM_F_ACK|unix.NLM_F_CREATE)
	msg := nl.NewRtMsg()
	msg.Family, msg.Dst_len = unix.AF_INET, 32
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, far4.Peer.AsSlice()))
	req.AddData(nl.NewRtAttr(rtaNexthop, nl.Uint32Attr(5)))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	n.must(err)

	m := n.follow()
	m.Watch(1, far4)
	m.by(1, "x1", "192.0.2.2")
	n.nexthop(k, "x2", "198.51.100.2")
	m.by(1, "x2", "198.51.100.2")
	n.nexthop(k, "", "")
	m.reason(1, "no route to 10.0.0.2")
}
