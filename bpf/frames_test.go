package bpf

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/packet"
)

var (
	foreign4 = netip.MustParseAddr("192.0.2.77")
	foreign6 = netip.MustParseAddr("2001:db8::77")
)

// frame describes a frame to build; v4 and v6 give one that is ours by its
// addresses.
type frame struct {
	srcMAC, dstMAC packet.MAC
	tags           []uint16 // priority, drop eligible and VLAN of each, the outermost first
	etherType      uint16   // 0 = what follows
	src, dst       netip.Addr
	ttl            uint8
	options        []layers.IPv4Option
	flags          layers.IPv4Flag
	fragment       uint16
	proto          layers.IPProtocol
	srcPort        uint16
	dstPort        uint16
	udpLen         uint16 // 0 = the true one
	payload        []byte
	next           []gopacket.SerializableLayer // between IPv6 and UDP
}

func v4() *frame { return newFrame(peer4, local4) }
func v6() *frame { return newFrame(peer6, local6) }

func newFrame(src, dst netip.Addr) *frame {
	f := &frame{
		srcMAC: neighborMAC, dstMAC: stationMAC, src: src, dst: dst, ttl: 255, proto: layers.IPProtocolUDP,
		srcPort: 49152, dstPort: packet.PortControl, payload: make([]byte, packet.ControlLen),
	}
	c := packet.Control{
		State: packet.Down, DetectMult: 3, Length: packet.ControlLen, MyDiscr: 7,
		DesiredMinTx: 1e6, RequiredMinRx: 1e6,
	}
	c.Put(f.payload)
	return f
}

func (f *frame) with(change func(*frame)) *frame { change(f); return f }

func (f *frame) from(a netip.Addr) *frame { f.src = a; return f }

func (f *frame) to(a netip.Addr) *frame { f.dst = a; return f }

func (f *frame) port(p uint16) *frame { f.dstPort = p; return f }

// on puts the frame on the VLAN of the rig, with a priority, and sends it to the MAC
// of the device there.
func (f *frame) on(priority uint8) *frame {
	f.tags, f.dstMAC = []uint16{uint16(priority)<<13 | vlanID}, vlanMAC
	return f
}

func (f *frame) hops(ttl uint8) *frame { f.ttl = ttl; return f }

func (f *frame) your(discr uint32) *frame {
	binary.BigEndian.PutUint32(f.payload[8:], discr)
	return f
}

// bytes lets gopacket build the frame.
func (f *frame) bytes(t testing.TB) []byte {
	t.Helper()
	udp := &layers.UDP{SrcPort: layers.UDPPort(f.srcPort), DstPort: layers.UDPPort(f.dstPort)}
	eth := &layers.Ethernet{SrcMAC: f.srcMAC[:], DstMAC: f.dstMAC[:], EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{eth}
	follows := &eth.EthernetType
	for _, t := range f.tags {
		tag := &layers.Dot1Q{Priority: uint8(t >> 13), DropEligible: t>>12&1 == 1, VLANIdentifier: t & 0xfff}
		stack = append(stack, tag)
		*follows, follows = layers.EthernetTypeDot1Q, &tag.Type
	}
	*follows = layers.EthernetTypeIPv4
	if f.src.Is4() {
		ip := &layers.IPv4{
			Version: 4, TTL: f.ttl, Protocol: f.proto, Flags: f.flags, FragOffset: f.fragment,
			SrcIP: f.src.AsSlice(), DstIP: f.dst.AsSlice(), Options: f.options,
		}
		must(t, udp.SetNetworkLayerForChecksum(ip))
		stack = append(stack, ip)
	} else {
		*follows = layers.EthernetTypeIPv6
		ip := &layers.IPv6{
			Version: 6, HopLimit: f.ttl, NextHeader: f.proto,
			SrcIP: net.IP(f.src.AsSlice()), DstIP: net.IP(f.dst.AsSlice()),
		}
		must(t, udp.SetNetworkLayerForChecksum(ip))
		stack = append(stack, ip)
	}
	if f.etherType != 0 {
		eth.EthernetType = layers.EthernetType(f.etherType)
	}
	stack = append(stack, f.next...)
	stack = append(stack, udp, gopacket.Payload(f.payload))
	buf := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...))
	b := buf.Bytes()
	if f.udpLen != 0 {
		binary.BigEndian.PutUint16(b[len(b)-len(f.payload)-4:], f.udpLen)
	}
	return b
}

type frameCase struct {
	name    string
	frame   *frame
	verdict string
}

// frames are what must match, and everything near it that must not.
func frames() []frameCase {
	return slices.Concat(steeredFrames(), farFrames(), foreignFrames(), strayFrames(), multihopFrames(),
		otherFrames(), headerFrames(), taggedFrames())
}

// steeredFrames are ours.
func steeredFrames() []frameCase {
	return []frameCase{
		{"v4 by peer", v4(), "steered"},
		{"v6 by peer", v6(), "steered"},
		{"link-local by peer", newFrame(peerL, localL), "steered"},
		{"by peer with an unknown discriminator", v4().your(otherDis), "steered"},
		{"v4 by discriminator", v4().from(foreign4).your(discr), "steered"},
		{"v6 by discriminator", v6().from(foreign6).your(discr), "steered"},
		{"low source port", v4().with(func(f *frame) { f.srcPort = 1024 }), "steered"},
		{"don't fragment", v4().with(func(f *frame) { f.flags = layers.IPv4DontFragment }), "steered"},
		{"longer payload", v4().with(func(f *frame) { f.payload = append(f.payload, 1, 2, 3) }), "steered"},
		{"short payload by peer", v4().with(func(f *frame) { f.payload = f.payload[:20] }), "steered"},
		{"empty payload by peer", v6().with(func(f *frame) { f.payload = nil }), "steered"},
	}
}

// farFrames are ours by address or discriminator, but may have come from afar.
func farFrames() []frameCase {
	return []frameCase{
		{"TTL 254", v4().with(func(f *frame) { f.ttl = 254 }), "ttl"},
		{"TTL 64", v4().with(func(f *frame) { f.ttl = 64 }), "ttl"},
		{"TTL 0", v4().with(func(f *frame) { f.ttl = 0 }), "ttl"},
		{"hop limit 254", v6().with(func(f *frame) { f.ttl = 254 }), "ttl"},
		{"hop limit 0", v6().with(func(f *frame) { f.ttl = 0 }), "ttl"},
		{"TTL 254 by discriminator", v4().from(foreign4).your(discr).with(func(f *frame) { f.ttl = 254 }), "ttl"},
	}
}

// foreignFrames are BFD, of other sessions than ours.
func foreignFrames() []frameCase {
	return []frameCase{
		{"foreign peer, no discriminator", v4().from(foreign4), "pass_foreign"},
		{"foreign peer, unknown discriminator", v4().from(foreign4).your(otherDis), "pass_foreign"},
		{"foreign peer, TTL 254", v4().from(foreign4).with(func(f *frame) { f.ttl = 254 }), "pass_foreign"},
		{"foreign v6 peer", v6().from(foreign6).your(otherDis), "pass_foreign"},
		{"foreign local address", v4().to(netip.MustParseAddr("192.0.2.9")), "pass_foreign"},
		{"foreign local address, our discriminator",
			v4().to(netip.MustParseAddr("192.0.2.9")).your(discr), "pass_foreign"},
		{"session of another interface", v4().to(foreign4), "pass_foreign"},
		{"local address of another interface, our discriminator", v4().to(foreign4).your(discr), "pass_foreign"},
		{"addresses swapped", newFrame(local4, peer4), "pass_foreign"},
		{"multicast address", v4().to(netip.MustParseAddr("224.0.0.1")), "pass_foreign"},
		{"discriminator in a packet too short for it", v4().from(foreign4).your(discr).with(func(f *frame) {
			f.payload = f.payload[:23]
		}), "pass_foreign"},
		{"discriminator behind what UDP says is there", v4().from(foreign4).your(discr).with(func(f *frame) {
			f.udpLen = 31
		}), "pass_foreign"},
		{"v6 with v4-mapped addresses", newFrame(
			netip.AddrFrom16(peer4.As16()), netip.AddrFrom16(local4.As16())), "pass_other"},
	}
}

// strayFrames are for another station on the wire.
func strayFrames() []frameCase {
	return []frameCase{
		{"another station's MAC", v4().with(func(f *frame) { f.dstMAC = neighborMAC }), "pass_mac"},
		{"another station's MAC, TTL 254", v4().with(func(f *frame) { f.dstMAC, f.ttl = neighborMAC, 254 }), "pass_mac"},
		{"another station's MAC by discriminator", v6().from(foreign6).your(discr).with(func(f *frame) {
			f.dstMAC[5]++
		}), "pass_mac"},
		{"broadcast MAC", v4().with(func(f *frame) {
			f.dstMAC = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		}), "pass_mac"},
	}
}

// otherFrames are none of BFD.
func otherFrames() []frameCase {
	return []frameCase{
		{"our port as source only", v4().with(func(f *frame) { f.srcPort, f.dstPort = 3784, 49152 }), "pass_other"},
		{"port with its bytes swapped", v4().with(func(f *frame) { f.dstPort = 0xc80e }), "pass_other"},
		{"seamless BFD's port", v6().with(func(f *frame) { f.dstPort = 7784 }), "pass_other"},
		{"TCP", v4().with(func(f *frame) { f.proto = layers.IPProtocolTCP }), "pass_other"},
		{"ICMPv6", v6().with(func(f *frame) { f.proto = layers.IPProtocolICMPv6 }), "pass_other"},
		{"ARP", v4().with(func(f *frame) { f.etherType = 0x0806 }), "pass_other"},
		{"v6 in a v4 frame", v6().with(func(f *frame) { f.etherType = 0x0800 }), "pass_other"},
		{"v4 in a v6 frame", v4().with(func(f *frame) { f.etherType = 0x86dd }), "pass_other"},
		{"length instead of a type", v4().with(func(f *frame) { f.etherType = 52 }), "pass_other"},
	}
}

// headerFrames have more around the UDP header than the program reads.
func headerFrames() []frameCase {
	list := []frameCase{
		{"provider tag", v4().with(func(f *frame) { f.etherType = 0x88a8 }), "pass_vlan"},
		{"options", v4().with(func(f *frame) {
			f.options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
		}), "pass_options"},
		{"first fragment", v4().with(func(f *frame) { f.flags = layers.IPv4MoreFragments }), "pass_fragment"},
		{"later fragment", v4().with(func(f *frame) { f.fragment = 185 }), "pass_fragment"},
		{"middle fragment", v4().with(func(f *frame) {
			f.flags, f.fragment = layers.IPv4MoreFragments, 1
		}), "pass_fragment"},
		{"first fragment, TTL 254", v4().with(func(f *frame) {
			f.flags, f.ttl = layers.IPv4MoreFragments, 254
		}), "pass_fragment"},
	}
	for _, h := range []layers.IPProtocol{0, 43, 44, 50, 51, 60, 135, 139, 140} {
		f := v6().with(func(f *frame) {
			f.proto = h
			f.next = []gopacket.SerializableLayer{gopacket.Payload{17, 0, 1, 4, 0, 0, 0, 0}}
		})
		list = append(list, frameCase{"v6 next header " + h.String(), f, "pass_extension"})
	}
	return list
}
