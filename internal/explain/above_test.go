package explain

import (
	"testing"

	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// A frame is judged where its session is: on the VLAN device whose tag it has, or
// on the bond, wherever it was recorded.
func TestAbove(t *testing.T) {
	list := sessions()
	for i, ifname := range []string{"v7", "eth0", "bond0"} {
		s := list[0]
		s.Interface, s.Discr = ifname, uint32(100+i)
		list = append(list, s)
	}
	list = list[3:]
	e := New(Options{Sessions: list, MAC: func(string) (packet.MAC, bool) { return ourMAC, true }, Lowers: map[string]*netlinkmon.Lowers{
		"v7":    {VLAN: 7, Members: []netlinkmon.Lower{{Name: "eth0"}}},
		"inner": {Reason: "two tags"},
		"bond0": {Members: []netlinkmon.Lower{{Name: "eth1"}, {Name: "eth2"}}},
	}})
	t.Cleanup(func() { _ = e.Close() })
	frame := func(vlan uint16) []byte {
		return good(peer, local).with(func(s *sent) { s.VLAN, s.YourDiscr, s.State = vlan, 0, packet.Down }).bytes(t)
	}
	for _, c := range []struct {
		ifname string
		vlan   uint16
		want   string
		xdp    string
		discr  uint32
	}{
		{"eth0", 7, "v7", "steered", 100},
		{"v7", 7, "v7", "steered", 100},
		{"v7", 0, "v7", "steered", 100},
		{"eth0", 0, "eth0", "steered", 101},
		{"eth0", 8, "eth0", "pass_vlan", 0},
		{"eth2", 0, "bond0", "steered", 102},
		{"bond0", 0, "bond0", "steered", 102},
		{"eth2", 7, "eth2", "pass_vlan", 0},
	} {
		e.o.Interface = c.ifname
		r := e.Explain(Frame{Data: frame(c.vlan)})
		if r.Interface != c.want || r.XDP.Verdict != c.xdp || (r.XDP.Verdict == "steered") != (r.Session != nil && r.Session.Discr == c.discr) {
			t.Errorf("VLAN %d on %s: on %s %s, session %+v; want %+v", c.vlan, c.ifname, r.Interface, r.XDP.Verdict, r.Session, c)
		}
	}
	for cut := range 20 {
		e.above("eth0", frame(7)[:cut]) // must not panic
	}
}
