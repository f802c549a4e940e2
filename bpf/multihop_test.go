package bpf

import (
	"net/netip"

	"github.com/xbfd/xbfd/packet"
)

func newMultihop(src, dst netip.Addr) *frame {
	return newFrame(src, dst).port(packet.PortMultihop)
}

// multihopFrames are those of port 4784, and of its sessions on port 3784.
func multihopFrames() []frameCase {
	far4 := func() *frame { return newMultihop(farPeer4, farLocal4) }
	far6 := func() *frame { return newMultihop(farPeer6, farLocal6) }
	return []frameCase{
		{"multihop v4", far4(), "steered"},
		{"multihop v6", far6(), "steered"},
		{"multihop v4 at its floor", far4().hops(floor), "steered"},
		{"multihop v6 at its floor", far6().hops(floor), "steered"},
		{"multihop v4 below its floor", far4().hops(floor - 1), "ttl"},
		{"multihop v6 below its floor", far6().hops(floor - 1), "ttl"},
		{"multihop TTL 0", far4().hops(0), "ttl"},
		{"multihop below its floor, naming its session", far4().your(discr).hops(floor - 1), "ttl"},
		{"multihop v4 by discriminator", newMultihop(foreign4, farLocal4).your(discr), "steered"},
		{"multihop v6 by discriminator", newMultihop(foreign6, farLocal6).your(discr), "steered"},
		{"multihop by discriminator, any TTL", newMultihop(foreign4, farLocal4).your(discr).hops(1), "steered"},
		{"multihop from a stranger", newMultihop(foreign4, farLocal4), "pass_foreign"},
		{"multihop, unknown discriminator", newMultihop(foreign4, farLocal4).your(otherDis), "pass_foreign"},
		{"multihop to another address", newMultihop(farPeer4, foreign4).your(discr), "pass_foreign"},
		{"multihop in transit", newMultihop(farPeer4, foreign4), "pass_foreign"},
		{"multihop, addresses swapped", newMultihop(farLocal6, farPeer6), "pass_foreign"},
		{"multihop to another station's MAC", far4().with(func(f *frame) { f.dstMAC = neighborMAC }), "pass_mac"},
		{"multihop session on the single-hop port", newFrame(farPeer4, farLocal4), "pass_foreign"},
		{"multihop address by discriminator on the single-hop port",
			newFrame(foreign4, farLocal4).your(discr), "pass_foreign"},
		{"single-hop session on the multihop port", v4().port(packet.PortMultihop), "pass_foreign"},
		{"single-hop address by discriminator on the multihop port",
			v6().from(foreign6).your(discr).port(packet.PortMultihop), "pass_foreign"},
	}
}
