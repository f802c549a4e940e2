package routes

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func inVRF(s *Spec) { s.VRF, s.Table = "red", 0 }

// A route of a VRF and one of its table by number are two, and each finds again what
// the kernel lists under the number; what neither has asked for is still ours to remove.
func TestRouteOfVRF(t *testing.T) {
	w := newWorld(t)
	byNumber := route("203.0.113.0/24", func(s *Spec) { s.Table = 1010 }, "192.0.2.2")
	w.set(route("198.51.100.0/24", inVRF, "192.0.2.1"), byNumber)
	w.tell("192.0.2.1", Up)
	w.tell("192.0.2.2", Up)
	w.did("both up",
		"added 198.51.100.0/24 via 192.0.2.1 metric 20 vrf red", "added 203.0.113.0/24 via 192.0.2.2 metric 20 table 1010")
	listed := func(o Object) Object {
		o.vrf = "red"
		o.VRF, o.Table = "", 1010
		return o
	}
	var list []Object
	for _, o := range w.ours {
		list = append(list, listed(o))
	}
	w.table.Found(list, w.now)
	w.settle()
	w.did("the kernel was looked at")
	stray := listed(list[0])
	stray.Metric = 7
	w.ours[stray.Place] = stray
	w.table.Found(append(list, stray), w.now)
	w.settle()
	w.did("something else of ours there", "removed "+stray.Describe())
	w.tell("192.0.2.1", Down)
	w.did("a failure", "removed 198.51.100.0/24 via 192.0.2.1 metric 20 vrf red")
}

// Which VRF has which table is known from the interfaces; without the VRF nothing is
// asked of the kernel, and nothing of its is left to remove.
func TestVRFOfInterfaces(t *testing.T) {
	m := &monitor{interfaces: interfaces{
		names: map[uint32]string{}, indexes: map[string]uint32{}, flags: map[uint32]uint32{}, tables: map[uint32]uint32{},
	}}
	k := &netlink{monitor: m}
	attr := func(kind uint16, v ...byte) []byte {
		b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
		b = append(binary.NativeEndian.AppendUint16(b, kind), v...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	number := func(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }
	link := func(kind uint16, name string) bool {
		body := append([]byte{unix.AF_UNSPEC, 0, 0, 0}, append(number(9), append(number(unix.IFF_UP), number(0)...)...)...)
		body = append(body, attr(unix.IFLA_IFNAME, append([]byte("red"), 0)...)...)
		info := append(attr(unix.IFLA_INFO_KIND, []byte(name)...), attr(unix.IFLA_INFO_DATA, attr(iflaVRFTable, number(1010)...)...)...)
		return m.link(received{kind: kind, body: append(body, attr(unix.IFLA_LINKINFO, info...)...)})
	}
	of := Object{Place: Place{VRF: "red"}}
	add, remove := &Op{Verb: Add, Object: &of}, &Op{Verb: Remove, Object: &of}
	for _, step := range []struct {
		name   string
		do     func() bool
		table  uint32
		exists bool
	}{
		{"nothing", func() bool { return true }, 0, false},
		{"a bridge of that name", func() bool { return link(unix.RTM_NEWLINK, "bridge") }, 0, false},
		{"gone", func() bool { return link(unix.RTM_DELLINK, "bridge") }, 0, false},
		{"the VRF", func() bool { return link(unix.RTM_NEWLINK, "vrf") }, 1010, true},
		{"gone again", func() bool { return link(unix.RTM_DELLINK, "vrf") }, 0, false},
	} {
		if !step.do() {
			t.Errorf("%s: is no news", step.name)
		}
		if n := m.tableOf(&of); n != step.table {
			t.Errorf("%s: table %d", step.name, n)
		}
		if vrf := m.vrfOf(1010); (vrf == "red") != step.exists {
			t.Errorf("%s: table 1010 is of %q", step.name, vrf)
		}
		if err := k.knows(add); (err == nil) != step.exists || err != nil && err.Error() != "VRF red does not exist" {
			t.Errorf("%s: add: %v", step.name, err)
		}
		if err := k.knows(remove); (err == nil) != step.exists || err != nil && !errors.Is(err, unix.ESRCH) {
			t.Errorf("%s: remove: %v", step.name, err)
		}
	}
}
