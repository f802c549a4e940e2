package bpf

import (
	"net/netip"
	"testing"
)

// Multihop packets belong to the sessions of the VRF in which they arrive, and so
// do those that name a session; single-hop ones go by their interface.
func TestProgramVRF(t *testing.T) {
	const red, blue = 9, 10
	onlyRed := netip.MustParseAddr("198.51.100.7")
	b := newRig(t, true)
	for _, local := range []netip.Addr{farLocal4, onlyRed} {
		p := hop(red, local, farPeer4)
		p.Multihop, p.MinTTL = true, floor-10
		must(t, b.tables.SetPeer(p))
	}
	far := func() *frame { return newMultihop(farPeer4, farLocal4) }
	named := func(to netip.Addr) *frame { return newMultihop(foreign4, to).your(discr) }
	for _, step := range []struct {
		name string
		vrf  int32 // of the interface
		want []frameCase
	}{
		{"default", 0, []frameCase{
			{"its session", far(), "steered"}, {"below its floor", far().hops(floor - 1), "ttl"},
			{"red's session", newMultihop(farPeer4, onlyRed), "pass_foreign"}, {"to red's address, naming a session", named(onlyRed), "pass_foreign"},
		}},
		{"red", red, []frameCase{
			{"the other session with these addresses", far().hops(floor - 1), "steered"}, {"below its floor", far().hops(floor - 11), "ttl"},
			{"its own session", newMultihop(farPeer4, onlyRed), "steered"}, {"named", named(onlyRed), "steered"},
			{"the default VRF's session", newMultihop(farPeer6, farLocal6), "pass_foreign"},
			{"to the default VRF's address, naming a session", newMultihop(foreign6, farLocal6).your(discr), "pass_foreign"},
			{"single hop", v4(), "steered"},
		}},
		{"blue, which has no session", blue, []frameCase{
			{"those addresses", far(), "pass_foreign"}, {"named", named(farLocal4), "pass_foreign"}, {"single hop", v6(), "steered"},
		}},
		{"default again", 0, []frameCase{{"its session", far(), "steered"}, {"red's session", newMultihop(farPeer4, onlyRed), "pass_foreign"}}},
	} {
		must(t, b.tables.SetVRF(loopback, step.vrf))
		for _, tt := range step.want {
			if _, verdict, _ := b.run(t, tt.frame.bytes(t)); verdict != tt.verdict {
				t.Errorf("interface in %s, %s: %q, want %q", step.name, tt.name, verdict, tt.verdict)
			}
		}
	}
	must(t, b.tables.SetVRF(loopback, 0)) // it is in none
	if n := entries(t, b.tables.vrfs); n != 0 {
		t.Errorf("%d interfaces are left", n)
	}
}
