package flowrules

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// What follows is linux/ethtool.h once more, as Go's structs.
type (
	flowUnion [52]byte
	flowExt   struct {
		_     [2]byte
		hDest [6]byte
		etype uint16
		tci   uint16
		data  [2]uint32
	}
	flowSpec struct {
		flowType uint32
		hu       flowUnion
		hExt     flowExt
		mu       flowUnion
		mExt     flowExt
		cookie   uint64
		location uint32
	}
	rxnfc struct {
		cmd, flowType uint32
		data          uint64
		fs            flowSpec
		count         uint32
		locations     [1]uint32
	}
	tcpip4 struct {
		src, dst   [4]byte
		psrc, pdst [2]byte
		tos        byte
	}
	tcpip6 struct {
		src, dst   [16]byte
		psrc, pdst [2]byte
		tclass     byte
	}
)

// driver is a made-up driver with a table of rules.
type driver struct {
	size    uint32
	chooses bool
	rules   map[uint32]flowSpec
	refuse  error
	calls   []uint32
}

func (d *driver) card() *Card { return &Card{name: "eth0", fd: -1, call: d.ioctl} }

func (d *driver) ioctl(r request) error {
	if d.refuse != nil {
		return d.refuse
	}
	n := (*rxnfc)(unsafe.Pointer(&r[0]))
	d.calls = append(d.calls, n.cmd)
	switch n.cmd {
	case 0x2e: // ETHTOOL_GRXCLSRLCNT
		n.count, n.data = uint32(len(d.rules)), uint64(d.size)
		if d.chooses {
			n.data |= 1 << 31
		}
	case 0x30: // ETHTOOL_GRXCLSRLALL
		if int(n.count) < len(d.rules) {
			return unix.EMSGSIZE
		}
		i := 0
		for at := range d.rules {
			binary.NativeEndian.PutUint32(r[unsafe.Offsetof(n.locations)+uintptr(4*i):], at)
			i++
		}
		n.count = uint32(i)
	case 0x2f: // ETHTOOL_GRXCLSRULE
		rule, ok := d.rules[n.fs.location]
		if !ok {
			return unix.ENOENT
		}
		n.fs = rule
	case 0x32: // ETHTOOL_SRXCLSRLINS
		switch {
		case d.chooses != (n.fs.location == 0xffffffff):
			return unix.EINVAL
		case d.chooses:
			n.fs.location = uint32(len(d.rules))
		case n.fs.location >= d.size:
			return unix.EINVAL
		}
		d.rules[n.fs.location] = n.fs
	case 0x31: // ETHTOOL_SRXCLSRLDEL
		if _, ok := d.rules[n.fs.location]; !ok {
			return unix.ENOENT
		}
		delete(d.rules, n.fs.location)
	default:
		return unix.EOPNOTSUPP
	}
	return nil
}

// The layout is that of the kernel's header, as a compiler of C has it.
func TestLayout(t *testing.T) {
	var n rxnfc
	for name, at := range map[string][2]uintptr{
		"data":         {atData, unsafe.Offsetof(n.data)},
		"fs":           {atSpec, unsafe.Offsetof(n.fs)},
		"fs.h_u":       {atHeader, unsafe.Offsetof(n.fs) + unsafe.Offsetof(n.fs.hu)},
		"fs.m_u":       {atMask, unsafe.Offsetof(n.fs) + unsafe.Offsetof(n.fs.mu)},
		"fs.cookie":    {atCookie, unsafe.Offsetof(n.fs) + unsafe.Offsetof(n.fs.cookie)},
		"fs.location":  {atLocation, unsafe.Offsetof(n.fs) + unsafe.Offsetof(n.fs.location)},
		"rule_cnt":     {atCount, unsafe.Offsetof(n.count)},
		"rule_locs":    {atLocations, unsafe.Offsetof(n.locations)},
		"size of all":  {requestSize, unsafe.Sizeof(n)},
		"size of fs":   {specSize, unsafe.Sizeof(n.fs)},
		"pdst in IPv4": {portInV4, unsafe.Offsetof(tcpip4{}.pdst)},
		"pdst in IPv6": {portInV6, unsafe.Offsetof(tcpip6{}.pdst)},
	} {
		if at[0] != at[1] {
			t.Errorf("%s: %d here, %d in the kernel", name, at[0], at[1])
		}
	}
}

// A rule is inserted once, behind those of others, compares the port and nothing
// else, and is found again and removed; others' stay.
func TestRules(t *testing.T) {
	for _, chooses := range []bool{false, true} {
		theirs := flowSpec{flowType: 1, cookie: 7, location: 1023}
		d := &driver{size: 1024, chooses: chooses, rules: map[uint32]flowSpec{1023: theirs}}
		c := d.card()
		rules := Rules(3, 3784, 4784)
		want := []Rule{{false, 3784, 3}, {true, 3784, 3}, {false, 4784, 3}, {true, 4784, 3}}
		if diff := cmp.Diff(want, rules); diff != "" {
			t.Fatal(diff)
		}
		for _, r := range rules {
			if made, err := c.Add(r); !made || err != nil {
				t.Errorf("add %+v: %v, %v", r, made, err)
			}
			if made, err := c.Add(r); made || err != nil {
				t.Errorf("add %+v again: %v, %v", r, made, err)
			}
		}
		seen := map[Rule]bool{}
		for at, fs := range d.rules {
			if at == 1023 {
				continue
			}
			r, mask := Rule{Queue: uint32(fs.cookie)}, fs.mu
			switch fs.flowType {
			case 2:
				r.Port = binary.BigEndian.Uint16((*tcpip4)(unsafe.Pointer(&fs.hu)).pdst[:])
				(*tcpip4)(unsafe.Pointer(&mask)).pdst = [2]byte{}
				if (*tcpip4)(unsafe.Pointer(&fs.mu)).pdst != [2]byte{0xff, 0xff} {
					t.Errorf("mask %x", fs.mu)
				}
			case 6:
				r.V6, r.Port = true, binary.BigEndian.Uint16((*tcpip6)(unsafe.Pointer(&fs.hu)).pdst[:])
				(*tcpip6)(unsafe.Pointer(&mask)).pdst = [2]byte{}
			}
			if mask != (flowUnion{}) || fs.hExt != (flowExt{}) || fs.mExt != (flowExt{}) || !chooses && at < 1018 {
				t.Errorf("at %d: %+v", at, fs)
			}
			seen[r] = true
		}
		for _, r := range rules {
			if !seen[r] {
				t.Errorf("the driver has no %+v", r)
			}
			if was, err := c.Remove(r); !was || err != nil {
				t.Errorf("remove %+v: %v, %v", r, was, err)
			}
			if was, err := c.Remove(r); was || err != nil {
				t.Errorf("remove %+v again: %v, %v", r, was, err)
			}
		}
		if diff := cmp.Diff(map[uint32]flowSpec{1023: theirs}, d.rules, cmp.AllowUnexported(flowSpec{}, flowExt{})); diff != "" {
			t.Errorf("what others had (-want +got):\n%s", diff)
		}
		if slices.Contains(d.calls, 0) {
			t.Error("a request without a command")
		}
	}
}

// Full tables, and drivers that refuse.
func TestRefused(t *testing.T) {
	rule := Rules(0, 3784)[0]
	full := &driver{size: 1, rules: map[uint32]flowSpec{0: {}}}
	if made, err := full.card().Add(rule); made || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("full: %v, %v", made, err)
	}
	none := &driver{refuse: unix.EOPNOTSUPP}
	if made, err := none.card().Add(rule); made || !errors.Is(err, ErrNone) {
		t.Errorf("none: %v, %v", made, err)
	}
	if was, err := none.card().Remove(rule); was || !errors.Is(err, ErrNone) {
		t.Errorf("none: %v, %v", was, err)
	}
}

// A veth has no flow rules, and an interface that is not there has no driver.
func TestVeth(t *testing.T) {
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "y", netns.VethOptions{Queues: 2})
	for ifname, want := range map[string]error{"x": ErrNone, "nosuch0": unix.ENODEV} {
		err := a.Do(func() error {
			c, err := Open(ifname)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Add(Rules(1, 3784)[0])
			return err
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", ifname, err, want)
		}
	}
	if _, err := Open("a-name-too-long-for-linux"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v", err)
	}
}
