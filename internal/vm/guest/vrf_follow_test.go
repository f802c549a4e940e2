//go:build vm

package guest

import (
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// A session that names an interface and no VRF is of the VRF that the interface is in,
// and goes with it from one to another; a multihop one of the default VRF, whose
// packets came by that interface, goes down and hears nothing of them.
func TestVRFFollowsInterface(t *testing.T) {
	for _, transport := range []string{"auto", "udp"} {
		t.Run(transport, func(t *testing.T) {
			b := emptyVRFBed(t)
			port := vrfPort("")
			peer := b.peers[""]
			b.host.start(t, transport)
			peer.start(t, transport)
			near, far := vrfTargets["ipv4"], vrfTargets["multihop"]
			near.Interface = port
			b.host.add(t, "near", near)
			b.host.add(t, "far", far)
			peer.add(t, "near", netlinkmon.Target{Peer: netip.MustParseAddr("192.0.2.1")})
			peer.add(t, "far", netlinkmon.Target{Peer: far.Local, Local: far.Peer, Multihop: true})
			state := func(name string) packet.State {
				st, err := b.host.Engine().Status(t.Context(), b.host.discr[name])
				must(t, err)
				return st.State
			}
			await := func(what, name string, want packet.State) {
				t.Helper()
				testnet.Eventually(t, patience, what, func() bool { return state(name) == want })
			}
			await("near up", "near", packet.Up)
			await("far up", "far", packet.Up)
			for _, vrf := range []string{"red", "blue", ""} {
				b.host.SetMaster(t, port, vrf)
				testnet.Eventually(t, patience, "the session in VRF "+vrf, func() bool {
					p, list := b.host.Path(b.host.discr["near"]), b.host.Interfaces()
					open := len(list) == 1 && list[0].VRF == vrf // a moment later than the path is known
					return p.Ready && p.VRF == vrf && open && state("near") == packet.Up
				})
				if vrf == "" {
					b.address("")
					await("far up again", "far", packet.Up)
				} else {
					await("far down in VRF "+vrf, "far", packet.Down)
				}
			}
			if p := b.host.Path(b.host.discr["near"]); p.Interface != port {
				t.Errorf("path %+v", p)
			}
		})
	}
}
