package bpf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/packet"
)

// Whatever bytes arrive, only a frame that decodes to one of ours is touched.
func TestProgramMutations(t *testing.T) {
	b := newRig(t, true)
	for _, base := range []*frame{
		v4(), v6(), v4().from(foreign4).your(discr),
		newMultihop(farPeer4, farLocal4), newMultihop(foreign6, farLocal6).your(discr),
		newEcho(foreign4, local4, discr), newEcho(looper6, looper6, 0).hops(255), newEcho(looper4, local4, 0).hops(255),
		v4().on(6), v6().from(foreign6).your(discr).on(0), newMultihop(farPeer6, farLocal6).on(1),
		newEcho(looper4, looper4, 0).hops(255).on(7), v4().with(func(f *frame) { f.tags = []uint16{6 << 13} }),
	} {
		base := base.bytes(t)
		for i := range base[:min(len(base), 80)] {
			for _, bits := range []byte{0x01, 0x10, 0x80, 0xff} {
				mutant := append([]byte(nil), base...)
				mutant[i] ^= bits
				action, verdict, _ := b.run(t, mutant)
				if want := oursByDecoder(mutant); (action != pass) != want {
					t.Errorf("%x, byte %d ^ %#x: verdict %q, a frame of ours: %v", base, i, bits, verdict, want)
				}
			}
		}
	}
}

// seen is a frame as an independent decoder sees it.
type seen struct {
	src, dst netip.Addr
	ttl      uint8
	port     uint16
	payload  []byte
}

// oursByDecoder judges a frame by an independent decoder.
func oursByDecoder(b []byte) bool {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	eth, _ := p.LinkLayer().(*layers.Ethernet)
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if eth == nil || udp == nil {
		return false
	}
	station, tags := stationMAC, 0
	for _, l := range p.Layers() {
		if tag, ok := l.(*layers.Dot1Q); ok {
			if tags++; tags > 1 || eth.EthernetType != layers.EthernetTypeDot1Q || tag.VLANIdentifier != 0 && tag.VLANIdentifier != vlanID {
				return false
			} else if tag.VLANIdentifier != 0 {
				station = vlanMAC
			}
		}
	}
	s := seen{port: uint16(udp.DstPort)}
	l4 := 34 + 4*tags
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if ip.Version != 4 || ip.IHL != 5 || ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 {
			return false
		}
		s.src, s.dst, s.ttl = netip.AddrFrom4([4]byte(ip.SrcIP)), netip.AddrFrom4([4]byte(ip.DstIP)), ip.TTL
	case *layers.IPv6:
		if ip.Version != 6 || ip.NextHeader != layers.IPProtocolUDP {
			return false
		}
		s.src, s.dst, s.ttl = netip.AddrFrom16([16]byte(ip.SrcIP)), netip.AddrFrom16([16]byte(ip.DstIP)), ip.HopLimit
		l4 += 20
	default:
		return false
	}
	if packet.MAC(eth.DstMAC) != station {
		return false
	}
	s.payload = b[l4+8:]
	if n := int(udp.Length) - 8; n < len(s.payload) {
		s.payload = s.payload[:max(n, 0)]
	}
	return s.ours()
}

// pairs are sessions: peer and local address.
type pairs map[[2]netip.Addr]bool

var (
	oneHop  = pairs{{peer4, local4}: true, {peer6, local6}: true, {peerL, localL}: true}
	looping = pairs{{looper4, local4}: true, {looper6, local6}: true}
	far     = pairs{{farPeer4, farLocal4}: true, {farPeer6, farLocal6}: true}
)

func (s *seen) ours() bool {
	pair := [2]netip.Addr{s.src, s.dst}
	switch s.port {
	case packet.PortControl:
		return oneHop[pair] || looping[pair] || oneHop.local(s.dst) && s.names(8, packet.ControlLen)
	case packet.PortMultihop:
		return far[pair] || far.local(s.dst) && s.names(8, packet.ControlLen)
	case packet.PortEcho:
		loop := s.ttl == 255 && (looping[pair] || looping[[2]netip.Addr{s.dst, local4}] || looping[[2]netip.Addr{s.dst, local6}])
		return loop || oneHop.local(s.dst) && s.names(4, 8)
	}
	return false
}

// local reports whether a session has the local address a.
func (p pairs) local(a netip.Addr) bool {
	for pair := range p {
		if pair[1] == a {
			return true
		}
	}
	return false
}

// names reports whether our discriminator stands at a place of a payload of at
// least size bytes.
func (s *seen) names(at, size int) bool {
	return len(s.payload) >= size && binary.BigEndian.Uint32(s.payload[at:]) == discr
}
