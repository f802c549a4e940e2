//go:build vm

package guest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/doctor"
)

// The doctor says of each interface that is made of others where its frames are
// taken.
func TestDoctorOfStacks(t *testing.T) {
	a, _ := ends(t, 3)
	a.Bond(t, "bond0", netlink.BOND_MODE_ACTIVE_BACKUP, nil, "x0", "x1")
	a.VLAN(t, "bond0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	a.VLAN(t, "v7", "inner", 8, netlink.VLAN_PROTOCOL_8021Q)
	a.Bridge(t, "br0", "x2")
	var said strings.Builder
	look := func(only string) {
		must(t, a.Do(func() error {
			h, err := doctor.Here(doctor.Want{}, only)
			if err != nil {
				return err
			}
			for _, f := range doctor.Examine(h).Findings {
				if f.Check == "lowers" || f.Check == "vlan-tags" {
					fmt.Fprintf(&said, "%s %s %s: %s\n", f.Verdict, f.Check, f.Interface, f.Text)
				}
			}
			return nil
		}))
	}
	look("")
	for _, want := range []string{
		"ok lowers bond0: bond, active-backup: XDP takes its frames on x0, x1\n",
		"ok lowers v7: VLAN 7 of bond0, active-backup: XDP takes its frames on x0, x1\n",
		"warn lowers inner: VLAN 8 of v7: sessions run over UDP sockets: v7 is a VLAN itself",
		"ok lowers br0: bridge: XDP works on the interface itself",
		"warn vlan-tags x0: driver veth hands VLAN tags over beside the frames",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nobody says %q in\n%s", want, &said)
		}
	}
	if strings.Contains(said.String(), "vlan-tags x2") {
		t.Errorf("x2 is under no VLAN:\n%s", &said)
	}
	said.Reset()
	foreign(t, a, "x1")
	look("bond0")
	if want := "warn lowers bond0: bond, active-backup: UDP sockets serve where the way leads by x1: another XDP program is attached"; !strings.Contains(said.String(), want) {
		t.Errorf("nobody says %q in\n%s", want, &said)
	}
}
