package packet_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// reading is what one decoder makes of a frame; gopacket and ours are compared
// as readings. Drop and Payload of the Datagram stay empty.
type reading struct {
	Datagram packet.Datagram
	DSCP     uint8
	PCP      uint8
	Version  uint8
	Control  packet.Control
	Auth     packet.Auth
}

// ours reads a frame that must be good with this package. What the package
// does not report is filled in from p.
func ours(t testing.TB, frame []byte, p packet.Path) reading {
	t.Helper()
	r := reading{DSCP: p.DSCP, PCP: p.PCP, Version: packet.Version}
	packet.ParseEthernet(frame, &r.Datagram)
	if r.Datagram.Drop != packet.DropNone {
		t.Fatalf("ParseEthernet: %v in % x", r.Datagram.Drop, frame)
	}
	if drop := r.Control.Decode(r.Datagram.Payload); drop != packet.DropNone {
		t.Fatalf("Decode: %v in % x", drop, frame)
	}
	if r.Control.Auth {
		section := r.Datagram.Payload[packet.ControlLen:r.Control.Length]
		if drop := packet.DecodeAuth(section, &r.Auth); drop != packet.DropNone {
			t.Fatalf("DecodeAuth: %v in % x", drop, frame)
		}
	}
	r.Datagram.Payload = nil
	return r
}

// theirs reads a frame with gopacket.
func theirs(t testing.TB, frame []byte) reading {
	t.Helper()
	pkt := gopacket.NewPacket(frame, layers.LinkTypeEthernet, gopacket.Default)
	if failure := pkt.ErrorLayer(); failure != nil {
		t.Fatalf("gopacket: %v in % x", failure.Error(), frame)
	}
	var r reading
	d := &r.Datagram
	for _, layer := range pkt.Layers() {
		switch l := layer.(type) {
		case *layers.Ethernet:
			copy(d.SrcMAC[:], l.SrcMAC)
			copy(d.DstMAC[:], l.DstMAC)
		case *layers.Dot1Q:
			d.VLAN, r.PCP = l.VLANIdentifier, l.Priority
		case *layers.IPv4:
			copy(d.Src[:], l.SrcIP.To16())
			copy(d.Dst[:], l.DstIP.To16())
			d.TTL, r.DSCP = l.TTL, l.TOS>>2
		case *layers.IPv6:
			copy(d.Src[:], l.SrcIP)
			copy(d.Dst[:], l.DstIP)
			d.TTL, r.DSCP = l.HopLimit, l.TrafficClass>>2
		case *layers.UDP:
			d.SrcPort, d.DstPort = uint16(l.SrcPort), uint16(l.DstPort)
		case *layers.BFD:
			r.Version = uint8(l.Version)
			r.Control = packet.Control{
				State: packet.State(l.State), Diag: packet.Diag(l.Diagnostic), Poll: l.Poll, Final: l.Final,
				CPI: l.ControlPlaneIndependent, Auth: l.AuthPresent, Demand: l.Demand, Multipoint: l.Multipoint,
				DetectMult: uint8(l.DetectMultiplier), Length: uint8(l.Length()),
				MyDiscr: uint32(l.MyDiscriminator), YourDiscr: uint32(l.YourDiscriminator),
				DesiredMinTx:      uint32(l.DesiredMinTxInterval),
				RequiredMinRx:     uint32(l.RequiredMinRxInterval),
				RequiredMinEchoRx: uint32(l.RequiredMinEchoRxInterval),
			}
			if h := l.AuthHeader; l.AuthPresent && h != nil {
				r.Auth = packet.Auth{Type: packet.AuthType(h.AuthType), KeyID: uint8(h.KeyID), Seq: uint32(h.SequenceNumber)}
				r.Auth.N = uint8(copy(r.Auth.Data[:], h.Data))
			}
		default:
			t.Fatalf("gopacket found a %v in % x", l.LayerType(), frame)
		}
	}
	return r
}

// build makes with gopacket the frame that Render makes of p around bfd.
func build(t testing.TB, p packet.Path, bfd []byte) []byte {
	t.Helper()
	ttl := p.TTL
	if ttl == 0 {
		ttl = 255
	}
	eth := &layers.Ethernet{SrcMAC: p.SrcMAC[:], DstMAC: p.DstMAC[:]}
	udp := &layers.UDP{SrcPort: layers.UDPPort(p.SrcPort), DstPort: layers.UDPPort(p.DstPort)}
	typ, ip := layers.EthernetTypeIPv6, gopacket.SerializableLayer(nil)
	var err error
	if src, dst := net.IP(p.Src[:]), net.IP(p.Dst[:]); src.To4() != nil {
		l := &layers.IPv4{
			Version: 4, TOS: p.DSCP << 2, Flags: layers.IPv4DontFragment, TTL: ttl,
			Protocol: layers.IPProtocolUDP, SrcIP: src, DstIP: dst,
		}
		typ, ip, err = layers.EthernetTypeIPv4, l, udp.SetNetworkLayerForChecksum(l)
	} else {
		l := &layers.IPv6{
			Version: 6, TrafficClass: p.DSCP << 2, HopLimit: ttl,
			NextHeader: layers.IPProtocolUDP, SrcIP: src, DstIP: dst,
		}
		ip, err = l, udp.SetNetworkLayerForChecksum(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	stack := []gopacket.SerializableLayer{eth, ip, udp, gopacket.Payload(bfd)}
	eth.EthernetType = typ
	if p.VLAN != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		tag := &layers.Dot1Q{Priority: p.PCP, VLANIdentifier: p.VLAN, Type: typ}
		stack = append([]gopacket.SerializableLayer{eth, tag}, stack[1:]...)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, stack...); err != nil {
		t.Fatal(err)
	}
	frame := buf.Bytes()
	if v := view(frame); v.udp[6] == 0 && v.udp[7] == 0 {
		v.udp[6], v.udp[7] = 0xff, 0xff // gopacket leaves the 0 that means "none"
	}
	return frame
}

// An independent implementation reads every field as we wrote it, and builds
// the same frame around the same packet, byte for byte.
func TestGopacketAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(3784, 3785))
	for range 5000 {
		p, c, a := randomPath(rng), randomControl(rng), randomAuth(rng)
		bits := allBits[rng.IntN(4)]
		frame := put(t, p, c, a, bits)
		if want := build(t, p, view(frame).bfd); !bytes.Equal(frame, want) {
			t.Fatalf("frame\n     % x\nwant % x", frame, want)
		}
		got := theirs(t, frame)
		if diff := cmp.Diff(got, ours(t, frame, p)); diff != "" {
			t.Fatalf("% x: gopacket and we differ (-gopacket +ours):\n%s", frame, diff)
		}
		c.Poll, c.Final, c.Length = bits&packet.BitPoll != 0, bits&packet.BitFinal != 0, packet.ControlLen
		want := packet.Auth{}
		if a != nil {
			want, c.Auth, c.Length = *a, true, uint8(packet.ControlLen+a.Len())
		}
		if diff := cmp.Diff(c, got.Control); diff != "" || got.Version != 1 {
			t.Fatalf("version %d (-sent +gopacket):\n%s", got.Version, diff)
		}
		if diff := cmp.Diff(want, got.Auth); diff != "" {
			t.Fatalf("section (-sent +gopacket):\n%s", diff)
		}
	}
	rows.Covers(t, "5880-4.1-01", "5880-4.1-02", "5880-4.1-03", "5880-4.1-04", "5880-6.8.7-07", "5880-6.8.7-10")
}
