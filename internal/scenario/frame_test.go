package scenario

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/packet"
)

// datagram is a frame that a tester sends. gopacket builds it, which knows
// nothing of the code under test.
type datagram struct {
	src, dst         netip.Addr
	from, to         packet.MAC
	srcPort, dstPort uint16
	ttl              uint8
	payload          []byte
}

func (d datagram) bytes() []byte {
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr(d.from[:]), DstMAC: net.HardwareAddr(d.to[:]), EthernetType: layers.EthernetTypeIPv4}
	udp := &layers.UDP{SrcPort: layers.UDPPort(d.srcPort), DstPort: layers.UDPPort(d.dstPort)}
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	} = &layers.IPv4{Version: 4, TTL: d.ttl, Protocol: layers.IPProtocolUDP, SrcIP: d.src.AsSlice(), DstIP: d.dst.AsSlice()}
	if d.src.Is6() {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: d.ttl, NextHeader: layers.IPProtocolUDP, SrcIP: d.src.AsSlice(), DstIP: d.dst.AsSlice()}
	}
	_ = udp.SetNetworkLayerForChecksum(ip) // fails for layers that are no IP
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, eth, ip, udp, gopacket.Payload(d.payload)); err != nil {
		panic(fmt.Sprintf("scenario: %v", err))
	}
	return buf.Bytes()
}
