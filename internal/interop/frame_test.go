package interop

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// datagram is a frame to be, with right lengths and checksums.
type datagram struct {
	mac, to          packet.MAC
	src, dst         netip.Addr
	srcPort, dstPort uint16
	ttl              uint8
	payload          []byte
}

func (d datagram) bytes(t testing.TB) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr(d.mac[:]), DstMAC: net.HardwareAddr(d.to[:]), EthernetType: layers.EthernetTypeIPv4}
	udp := &layers.UDP{SrcPort: layers.UDPPort(d.srcPort), DstPort: layers.UDPPort(d.dstPort)}
	var ip gopacket.SerializableLayer
	if d.src.Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: d.ttl, Protocol: layers.IPProtocolUDP, SrcIP: d.src.AsSlice(), DstIP: d.dst.AsSlice()}
		must(t, udp.SetNetworkLayerForChecksum(v4))
		ip = v4
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, HopLimit: d.ttl, NextHeader: layers.IPProtocolUDP, SrcIP: d.src.AsSlice(), DstIP: d.dst.AsSlice()}
		must(t, udp.SetNetworkLayerForChecksum(v6))
		ip = v6
	}
	buf := gopacket.NewSerializeBuffer()
	right := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	must(t, gopacket.SerializeLayers(buf, right, eth, ip, udp, gopacket.Payload(d.payload)))
	return buf.Bytes()
}

// again is a packet that was seen as it went by, to be sent once more.
func (s sighting) again() datagram {
	return datagram{mac: s.mac, to: s.to, src: s.src, dst: s.dst, srcPort: s.srcPort, dstPort: s.dstPort, ttl: s.ttl, payload: s.payload}
}

// injector sends frames out of a host's interface, whatever they say.
type injector struct {
	fd, ifindex int
}

func newInjector(t testing.TB, h *host) *injector {
	t.Helper()
	in := &injector{ifindex: h.Ifindex(t, h.ifname)}
	must(t, h.Do(func() (err error) {
		in.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { _ = unix.Close(in.fd) })
	return in
}

func (in *injector) send(t testing.TB, d datagram) {
	t.Helper()
	must(t, unix.Sendto(in.fd, d.bytes(t), 0, &unix.SockaddrLinklayer{Ifindex: in.ifindex}))
}
