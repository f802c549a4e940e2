//go:build vm

package guest

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/routes"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
)

// A route of a VRF is in its table while its session is up, whether or not the VRF
// was there first; it comes back with a VRF that is made again.
func TestVRFRoutes(t *testing.T) {
	b := &vrfBed{t: t, host: &vrfEnd{NS: devices.New(t, "host")}}
	testnet.Veth(t, b.host.NS.NS, vrfPort("red"), testnet.NewNS(t, "peer"), "p0")
	var kernel routes.Kernel
	must(t, b.host.Do(func() (err error) { kernel, err = routes.Open(); return err }))
	m := routes.NewManager(routes.Options{
		Kernel: kernel, Now: func() session.Time { return session.Time(wire.Now()) },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Changed: func([]routes.Change) {},
	})
	t.Cleanup(func() { m.Close() })
	gateway := netip.MustParseAddr("192.0.2.2")
	key := clients.Key{Peer: gateway, VRF: "red"}
	spec := routes.Spec{
		Prefix: netip.MustParsePrefix("198.51.100.0/24"), VRF: "red", Metric: 20, Withdraw: true,
		Members: []routes.Member{{Session: key, Hop: routes.Hop{Gateway: gateway}}},
	}
	m.Set([]routes.Spec{spec}, nil)
	tell := func(s routes.State) { m.Tell([]routes.Told{{Session: key, State: s, At: session.Time(wire.Now())}}) }
	tell(routes.Up)
	if st := m.Statuses()[0]; st.Standing != routes.Refused || st.Err.Error() != "VRF red does not exist" {
		t.Errorf("without the VRF: %s, %v", st.Standing, st.Err)
	}
	tables := func() (list []int) {
		must(t, b.host.Do(func() error {
			found, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: routes.Protocol}, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
			for _, r := range found {
				list = append(list, r.Table)
			}
			return err
		}))
		return list
	}
	await := func(what string, want routes.Standing, there bool) {
		t.Helper()
		testnet.Eventually(t, patience, what, func() bool {
			list := tables()
			return m.Statuses()[0].Standing == want && (len(list) == 1) == there && (!there || list[0] == int(vrfTables["red"]))
		})
	}
	b.addVRF("red")
	b.own(vrfPort("red"), "192.0.2.1/24")
	await("the route in the VRF's table", routes.Installed, true)
	tell(routes.Down)
	await("no route after a failure", routes.Absent, false)
	tell(routes.Up)
	await("the route again", routes.Installed, true)
	b.host.DelLink(t, "red")
	await("no route without the VRF", routes.Refused, false)
	b.addVRF("red")
	b.own(vrfPort("red"), "192.0.2.1/24")
	await("the route in the new VRF", routes.Installed, true)
}
