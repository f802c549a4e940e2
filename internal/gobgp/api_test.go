package gobgp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/osrg/gobgp/v4/api"
)

func TestNeighborOf(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *api.Peer
		want Neighbor
		ok   bool
	}{
		{"nothing", nil, Neighbor{}, false},
		{"no address", &api.Peer{Conf: &api.PeerConf{NeighborAddress: "router"}}, Neighbor{}, false},
		{"external", &api.Peer{
			Conf:      &api.PeerConf{NeighborAddress: "192.0.2.1", PeerAsn: 65002},
			State:     &api.PeerState{NeighborAddress: "192.0.2.1", LocalAsn: 65001, AdminState: api.PeerState_ADMIN_STATE_UP},
			Transport: &api.Transport{LocalAddress: "0.0.0.0"},
		}, Neighbor{Addr: one}, true},
		{"internal, disabled, far", &api.Peer{
			Conf:         &api.PeerConf{NeighborAddress: "192.0.2.1", PeerAsn: 65001, AdminDown: true, Vrf: "red"},
			State:        &api.PeerState{LocalAsn: 65001, AdminState: api.PeerState_ADMIN_STATE_DOWN},
			Transport:    &api.Transport{LocalAddress: "192.0.2.2"},
			EbgpMultihop: &api.EbgpMultihop{Enabled: true},
		}, Neighbor{Addr: one, Local: two, VRF: "red", Internal: true, Multihop: true, Down: true, Fixed: true}, true},
		{"over the prefix limit", &api.Peer{
			Conf: &api.PeerConf{NeighborAddress: "::ffff:192.0.2.1"}, State: &api.PeerState{AdminState: api.PeerState_ADMIN_STATE_PFX_CT},
		}, Neighbor{Addr: one}, true},
	} {
		got, ok := neighborOf(c.p)
		if diff := cmp.Diff(c.want, got, addrs); ok != c.ok || diff != "" {
			t.Errorf("%s: %v %s", c.name, ok, diff)
		}
	}
}
