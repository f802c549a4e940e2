package gobgp

import (
	"context"
	"net"
	"testing"
	"time"

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

// TestPlain: what is said of a gobgpd that is not there, and of one that stands still.
func TestPlain(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for _, c := range []struct {
		at   net.Addr
		wait time.Duration
		want string
	}{
		{gone.Addr(), time.Minute, "list gobgpd's neighbors: dial tcp " + gone.Addr().String() + ": connect: connection refused: gobgpd has to run, with this address in its --api-hosts"},
		{silent.Addr(), 50 * time.Millisecond, "list gobgpd's neighbors: no answer in time"},
	} {
		s, err := Dial(c.at.String())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), c.wait)
		if _, err := s.Neighbors(ctx); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		cancel()
		_ = s.Close()
	}
}
