package netlinkmon

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/testnet"
)

// TakeBack releases what a Monitor that died has asked for, and nobody else's: an
// entry that somebody entered, and one that others have the kernel keep.
func TestTakeBack(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	a.AddAddr(t, "va", "192.0.2.1/24")
	b.AddAddr(t, "vb", "192.0.2.2/24")
	index := a.Ifindex(t, "va")
	a.Neigh(t, "va", "192.0.2.3", b.MAC(t, "vb"))
	managed := func() (list []string) {
		for _, n := range a.Neighs(t, "va") {
			if n.FlagsExt&netlink.NTF_EXT_MANAGED != 0 || n.State&netlink.NUD_PERMANENT != 0 && n.IP.To4() != nil {
				list = append(list, n.IP.String())
			}
		}
		return list
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.Do(func() error {
		k, err := openKernel()
		must(err)
		defer k.close()
		for _, ip := range []string{"192.0.2.2", "192.0.2.9"} { // one that answers, one that does not
			must(k.keep(neighKey{index, netip.MustParseAddr(ip)}, false))
		}
		return netlink.NeighAdd(&netlink.Neigh{
			LinkIndex: index, IP: []byte{192, 0, 2, 4}, Flags: netlink.NTF_USE, FlagsExt: netlink.NTF_EXT_MANAGED,
		})
	}))
	if list := managed(); len(list) != 4 {
		t.Fatalf("entries %v", list)
	}
	must(a.Do(func() error {
		n, err := TakeBack()
		if n != 2 {
			t.Errorf("%d entries taken back", n)
		}
		return err
	}))
	left := managed()
	if diff := cmp.Diff(map[string]bool{"192.0.2.3": true, "192.0.2.4": true}, set(left)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func set(list []string) map[string]bool {
	m := make(map[string]bool)
	for _, s := range list {
		m[s] = true
	}
	return m
}
