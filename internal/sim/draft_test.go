package sim

import (
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/packet"
)

// draft is a frame that T is about to send, every part of it open to change.
// It is built by gopacket, which knows nothing of the code under test.
type draft struct {
	eth     layers.Ethernet
	v4      *layers.IPv4
	v6      *layers.IPv6
	udp     layers.UDP
	payload []byte
	spoil   func(b []byte) []byte // last, on the bytes
}

// frameOf is a valid frame that carries c from T to D.
func (t *tester) frameOf(c packet.Control) *draft {
	d := &draft{
		eth:     layers.Ethernet{SrcMAC: net.HardwareAddr(t.path.PeerMAC[:]), DstMAC: net.HardwareAddr(t.path.LocalMAC[:])},
		udp:     layers.UDP{SrcPort: layers.UDPPort(t.srcPort), DstPort: packet.PortControl},
		payload: make([]byte, packet.ControlLen),
	}
	c.Put(d.payload)
	src, dst := t.path.Peer.Netip(), t.path.Local.Netip()
	if src.Is4() {
		d.eth.EthernetType = layers.EthernetTypeIPv4
		d.v4 = &layers.IPv4{Version: 4, IHL: 5, TTL: 255, Protocol: layers.IPProtocolUDP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	} else {
		d.eth.EthernetType = layers.EthernetTypeIPv6
		d.v6 = &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolUDP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	return d
}

// ttl sets TTL or Hop Limit.
func (d *draft) ttl(n uint8) *draft {
	if d.v4 != nil {
		d.v4.TTL = n
	} else {
		d.v6.HopLimit = n
	}
	return d
}

// trailing appends bytes behind the BFD packet.
func (d *draft) trailing(b ...byte) *draft {
	d.payload = append(d.payload, b...)
	return d
}

// edit changes the frame's bytes behind the back of lengths and checksums.
func (d *draft) edit(spoil func(b []byte) []byte) *draft {
	d.spoil = spoil
	return d
}

func (d *draft) bytes(b *bed) []byte {
	b.Helper()
	var ip gopacket.NetworkLayer
	var header gopacket.SerializableLayer
	if d.v4 != nil {
		ip, header = d.v4, d.v4
	} else {
		ip, header = d.v6, d.v6
	}
	if err := d.udp.SetNetworkLayerForChecksum(ip); err != nil {
		b.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, &d.eth, header, &d.udp, gopacket.Payload(d.payload)); err != nil {
		b.Fatal(err)
	}
	out := append([]byte(nil), buf.Bytes()...)
	if d.spoil != nil {
		out = d.spoil(out)
	}
	return out
}
