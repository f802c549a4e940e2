//go:build vm

package guest

import (
	"fmt"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// Sessions with the same addresses in three VRFs come up, over one hop and several,
// by AF_XDP and by sockets; and where one peer falls silent only its own fail.
func TestVRFs(t *testing.T) {
	for _, transport := range []string{"udp", "auto"} {
		t.Run(transport, func(t *testing.T) {
			b := newVRFBed(t, transport)
			b.awaitUp()
			remote := make(map[uint32]string)
			for _, vrf := range vrfNames {
				for target := range vrfTargets {
					st, p := b.status(vrf, target), b.host.Path(b.host.discr[vrf+target])
					if want := b.peers[vrf].discr[vrf+target]; st.Remote.Discr != want {
						t.Errorf("%s in VRF %q: the peer's discriminator is %d, want %d", target, vrf, st.Remote.Discr, want)
					}
					if other := remote[st.Remote.Discr]; other != "" {
						t.Errorf("%s in VRF %q has the peer of %s", target, vrf, other)
					}
					remote[st.Remote.Discr] = target + " in VRF " + vrf
					if p.Interface != vrfPort(vrf) || p.VRF != vrf || (transport == "udp") != (p.Transport == "udp") {
						t.Errorf("%s in VRF %q: by %s in VRF %q, %s", target, vrf, p.Interface, p.VRF, p.Transport)
					}
				}
			}
			before := [2]uint64{b.downs(""), b.downs("blue")}
			b.peers["red"].SetDown(t, "p0")
			b.awaitDown("red")
			time.Sleep(detection)
			if !b.all("", true) || !b.all("blue", true) || before != [2]uint64{b.downs(""), b.downs("blue")} {
				t.Error("sessions of other VRFs failed with red's")
			}
			b.peers["red"].SetUp(t, "p0")
			b.awaitPeerAddresses("red")
			b.awaitUp()
			rows.Covers(t, "5880-6.3-06", "5881-3-03")
		})
	}
}

// awaitPeerAddresses puts back what an interface loses with its being down.
func (b *vrfBed) awaitPeerAddresses(vrf string) {
	b.t.Helper()
	p := b.peers[vrf]
	p.AddAddr(b.t, "p0", "2001:db8::2/64")
	p.AddRoute(b.t, "p0", "10.0.0.1/32", "192.0.2.1")
	p.AddRoute(b.t, "p0", "2001:db8:1::1/128", "2001:db8::1")
}

// Where the host lets sockets of the default VRF take what arrives in others (sysctl
// udp_l3mdev_accept), our session there takes none of it all the same: red's peer has
// the addresses that its own has, and no session of ours.
func TestVRFAcceptAll(t *testing.T) {
	b := newVRFBed(t, "udp")
	b.host.Sysctl(t, "net/ipv4/udp_l3mdev_accept", "1")
	b.awaitUp()
	calm := b.downs("")
	for _, target := range []string{"multihop", "multihop6"} {
		must(t, b.host.Remove(b.host.discr["red"+target], -1))
	}
	// Once the peer has noticed, its packets name no session any more.
	anonymous := func() uint64 {
		totals, err := b.host.Engine().Totals(t.Context())
		must(t, err)
		return totals.Drops[packet.DropNoSession]
	}
	before := anonymous()
	testnet.Eventually(t, patience, "packets of red's peer in the default VRF's socket", func() bool {
		return anonymous() > before+3 || b.downs("") != calm
	})
	if n := b.downs(""); n != calm || !b.all("", true) {
		t.Errorf("%d sessions of the default VRF went down", n-calm)
	}
	rows.Covers(t, "5880-6.3-06")
}

// A Poll of one VRF's peer is answered there, and disturbs nobody: the peer changes
// its interval, which its Poll Sequence must bring to an end.
func TestVRFPollFinal(t *testing.T) {
	b := newVRFBed(t, "auto")
	b.awaitUp()
	calm := b.downs("") + b.downs("red") + b.downs("blue")
	for _, vrf := range vrfNames {
		p := b.peers[vrf]
		for target := range vrfTargets {
			must(t, p.Engine().Poll(p.discr[vrf+target]))
		}
		for target := range vrfTargets {
			testnet.Eventually(t, patience, fmt.Sprintf("the Final for %s in VRF %q", target, vrf), func() bool {
				st, err := p.Engine().Status(t.Context(), p.discr[vrf+target])
				must(t, err)
				return !st.Polling && st.State == packet.Up
			})
		}
	}
	if n := b.downs("") + b.downs("red") + b.downs("blue"); n != calm {
		t.Errorf("%d sessions went down:%s", n-calm, b.latest(vrfNames...))
	}
	rows.Covers(t, "5880-6.3-06")
}

// A VRF that is deleted takes its sessions along, and gives them back when it is made
// again; an interface that goes into another VRF is followed. Nothing else notices.
func TestVRFComesAndGoes(t *testing.T) {
	b := newVRFBed(t, "auto")
	b.awaitUp()
	port, calm := vrfPort("red"), b.downs("")+b.downs("blue")
	// Out of its VRF the port is one of the default VRF, and what its peer says over
	// several hops is heard there: that has the same addresses.
	b.host.SetDown(t, port)
	b.host.DelLink(t, "red")
	for target := range vrfTargets {
		b.waits("red", target, "VRF red does not exist")
	}
	b.awaitDown("red")
	b.addVRF("red")
	b.host.SetUp(t, port)
	b.address("red")
	b.awaitUp()

	b.host.SetDown(t, port)
	b.host.SetMaster(t, port, "")
	b.waits("red", "ipv4", "no interface of VRF red is directly connected to 192.0.2.2")
	// A VRF without a default route of its own goes on to the main table.
	b.waits("red", "multihop", "route to 10.0.0.2 leads elsewhere: interface to- is not in VRF red")
	b.awaitDown("red")
	b.host.SetMaster(t, port, "red")
	b.host.SetUp(t, port)
	b.address("red")
	b.awaitUp()
	if n := b.downs("") + b.downs("blue"); n != calm {
		t.Errorf("%d sessions of other VRFs went down:%s", n-calm, b.latest("", "blue"))
	}
}
