package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// The VLANs' devices of these tests: bridges, because a kernel may have no VLANs, and
// what counts of them is index and MAC.
const (
	vlan10 = 10
	vlan20 = 20
)

// device adds one to an end and makes the frames of a VLAN its own, together with a
// session between the ends' addresses.
func (e *end) device(t *testing.T, name string, vlan uint16) int32 {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = name, e.mac[:]
	e.AddLink(t, &netlink.Bridge{LinkAttrs: attrs})
	index := int32(e.Ifindex(t, name))
	for family, a := range e.addr {
		must(t, e.tables.SetPeer(bpf.Peer{
			Ifindex: index, Local: packet.AddrFrom(a), Peer: packet.AddrFrom(e.neighbor.addr[family]),
		}))
	}
	must(t, e.Do(func() error { return e.tables.SetUpper(int32(e.ifindex), vlan, index) }))
	return index
}

// onVLAN is a Control packet from this end to the other, with a tag unless both are 0.
func (e *end) onVLAN(family int, vlan uint16, priority uint8) *packet.Template {
	t := new(packet.Template)
	t.Render(&packet.Path{
		SrcMAC: e.mac, DstMAC: e.neighbor.mac, VLAN: vlan, PCP: priority,
		Src: packet.AddrFrom(e.addr[family]), Dst: packet.AddrFrom(e.neighbor.addr[family]),
		SrcPort: 49152, DstPort: packet.PortControl,
	}, &packet.Control{
		State: packet.Down, DetectMult: 3, MyDiscr: 0x01020304, DesiredMinTx: 1e6, RequiredMinRx: 1e6,
	}, nil)
	return t
}

// owners receives n frames and returns whose each is.
func owners(t *testing.T, p engine.Port, n int) (list []int32) {
	t.Helper()
	var batch [64]engine.Rx
	testnet.Eventually(t, 5*time.Second, "frames arrive", func() bool {
		for _, rx := range batch[:p.Receive(batch[:])] {
			if rx.Drop != packet.DropNone || rx.Frame == nil {
				t.Errorf("received %+v", rx.Datagram)
			}
			list = append(list, rx.Ifindex)
		}
		return len(list) >= n
	})
	return list
}

// Frames with tags in them travel from ring to ring, and each is of the interface of
// its VLAN: the addresses are the same for all. Those of no VLAN of ours stay with the
// kernel.
func TestTaggedFrames(t *testing.T) {
	for _, transport := range []string{TransportXDP, TransportGeneric} {
		t.Run(transport, func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			ten, twenty := r.a.device(t, "d10", vlan10), r.a.device(t, "d20", vlan20)
			in := r.a.open(t, Options{Transport: transport})
			out := r.b.open(t, Options{Transport: transport}).Port(0)
			for family := range r.b.addr {
				for _, tt := range []struct {
					vlan     uint16
					priority uint8
					want     int32
				}{{vlan20, 6, twenty}, {0, 0, 0}, {vlan10, 0, ten}, {30, 6, -1}, {vlan20, 0, twenty}} {
					send(out, r.b.onVLAN(family, tt.vlan, tt.priority), true, 1, 3)
					if tt.want < 0 {
						continue
					}
					for _, got := range owners(t, in.Port(0), 3) {
						if got != tt.want {
							t.Errorf("VLAN %d: of interface %d, want %d", tt.vlan, got, tt.want)
						}
					}
				}
			}
			must(t, r.a.tables.DelUpper(int32(r.a.ifindex), vlan20))
			send(out, r.b.onVLAN(v4, vlan20, 6), true, 1, 3)
			send(out, r.b.template(v4), true, 1, 1)
			if got := owners(t, in.Port(0), 1); len(got) != 1 || got[0] != 0 {
				t.Errorf("after DelUpper: %v", got)
			}
			if n := in.Counters()["pass_vlan"]; n != 9 {
				t.Errorf("%d frames left to the kernel, want 9", n)
			}
			rows.Covers(t, "ENV-L2-03", "5880-6.3-06", "5881-3-03")
		})
	}
}

// A frame of a VLAN that was in the ring already when the VLAN went is nobody's.
func TestTaggedFrameOfGoneVLAN(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	r.a.device(t, "d20", vlan20)
	in := r.a.open(t, Options{Transport: TransportXDP})
	out := r.b.open(t, Options{Transport: TransportXDP}).Port(0)
	send(out, r.b.onVLAN(v4, vlan20, 6), true, 1, 1)
	testnet.Eventually(t, 5*time.Second, "the frame is steered", func() bool { return in.Counters()["steered"] == 1 })
	must(t, r.a.tables.DelUpper(int32(r.a.ifindex), vlan20))
	if got := owners(t, in.Port(0), 1); len(got) != 1 || got[0] != engine.Nobody {
		t.Errorf("of interface %v", got)
	}
}

// A veth has the feature and does not heed it, so it is not relied on.
func TestTagsOfVeth(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	i := r.a.open(t, Options{Transport: TransportXDP})
	var why string
	must(t, r.a.Do(func() error {
		why = i.tags.show(i, true)
		return nil
	}))
	if why != "driver veth hands VLAN tags over beside the frames" || len(i.tags.off) != 0 {
		t.Errorf("%q, switched off: %v", why, i.tags.off)
	}
}

const someVLANs = `VLAN Dev name	 | VLAN ID
Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD
eth0.20        | 20  | eth0
averylongname12| 7  | bond0
inner          | 8  | eth0.20
`

func TestOverlying(t *testing.T) {
	for _, tt := range []struct {
		list, names   string
		over, stacked bool
	}{
		{someVLANs, "eth0", true, true},
		{someVLANs, "bond0", true, false},
		{someVLANs, "eth1 bond0", true, false},
		{someVLANs, "eth0.20", true, false},
		{someVLANs, "eth", false, false},
		{someVLANs, "inner", false, false},
		{someVLANs, "VLAN", false, false},
		{"", "eth0", false, false},
	} {
		if over, stacked := overlying(tt.list, strings.Fields(tt.names)); over != tt.over || stacked != tt.stacked {
			t.Errorf("%s: over %v, stacked %v", tt.names, over, stacked)
		}
	}
}

// FuzzOverlying: nothing lies over a name that the list does not have.
func FuzzOverlying(f *testing.F) {
	f.Add(someVLANs, "eth0")
	f.Add("|||", "|")
	f.Fuzz(func(t *testing.T, list, name string) {
		over, stacked := overlying(list, []string{name})
		if stacked && !over || over && !strings.Contains(list, name) {
			t.Errorf("%q in %q: %v, %v", name, list, over, stacked)
		}
	})
}
