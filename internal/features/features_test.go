package features

import (
	"errors"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// card is a made-up device whose features are those of a name, on or off.
type card struct {
	names  []string
	active []bool
	fixed  bool
	refuse error
}

func (c *card) device() *Device { return &Device{name: "eth0", fd: -1, call: c.ioctl} }

func (c *card) ioctl(data unsafe.Pointer) error {
	if c.refuse != nil {
		return c.refuse
	}
	switch *(*uint32)(data) {
	case unix.ETHTOOL_GSSET_INFO:
		(*setInfo)(data).count = uint32(len(c.names))
	case unix.ETHTOOL_GSTRINGS:
		for i, n := range c.names {
			copy((*names)(data).text[i*nameLen:], n)
		}
	case unix.ETHTOOL_GFEATURES:
		for i, on := range c.active {
			if on {
				(*states)(data).block[i/32].active |= 1 << (i % 32)
			}
		}
	case unix.ETHTOOL_SFEATURES:
		w := (*wishes)(data)
		for i := range c.active {
			if w.block[i/32].valid>>(i%32)&1 == 1 && !c.fixed {
				c.active[i] = w.block[i/32].requested>>(i%32)&1 == 1
			}
		}
	}
	return nil
}

func TestDevice(t *testing.T) {
	c := &card{names: make([]string, 70), active: make([]bool, 70)}
	c.names[3], c.names[65] = "rx-vlan-hw-parse", "rx-all"
	c.active[65] = true
	d := c.device()
	check := func(feature string, want bool) {
		t.Helper()
		if on, err := d.Active(feature); on != want || err != nil {
			t.Errorf("%s is %v, %v", feature, on, err)
		}
	}
	check("rx-vlan-hw-parse", false)
	check("rx-all", true)
	check("rx", false)
	if err := errors.Join(d.Set("rx-vlan-hw-parse", true), d.Set("rx-all", false)); err != nil {
		t.Fatal(err)
	}
	check("rx-vlan-hw-parse", true)
	check("rx-all", false)
	c.fixed = true
	for feature, err := range map[string]error{"rx-all": d.Set("rx-all", true), "unknown": d.Set("unknown", false)} {
		if !errors.Is(err, ErrFixed) {
			t.Errorf("%s: %v", feature, err)
		}
	}
	if err := d.Set("rx-vlan-hw-parse", true); err != nil {
		t.Errorf("as it was: %v", err)
	}
	c.refuse = unix.EPERM
	if _, err := d.Active("rx-all"); !errors.Is(err, unix.EPERM) || !errors.Is(d.Set("rx-all", true), unix.EPERM) {
		t.Errorf("refused: %v", err)
	}
	c.refuse, c.names = nil, make([]string, most+1)
	if _, err := d.Active("rx-all"); err == nil {
		t.Error("more features than there is room for")
	}
}

// The kernel's own way with it, where a veth has the feature and lets it be changed.
func TestKernel(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb", netns.VethOptions{})
	var d *Device
	if err := a.Do(func() (err error) {
		d, err = Open("va")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const feature = "rx-vlan-hw-parse"
	for _, want := range []bool{false, true} {
		if err := d.Set(feature, want); err != nil {
			t.Fatal(err)
		}
		if on, err := d.Active(feature); on != want || err != nil {
			t.Errorf("%v, %v", on, err)
		}
	}
	a.Rename(t, "va", "other")
	if _, err := d.Active(feature); !errors.Is(err, unix.ENODEV) {
		t.Errorf("by its former name: %v", err)
	}
	d.Rename("other")
	if on, err := d.Active(feature); !on || err != nil {
		t.Errorf("renamed: %v, %v", on, err)
	}
}
