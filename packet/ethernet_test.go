package packet_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

func TestParseEthernetFields(t *testing.T) {
	for shape, p := range paths() {
		t.Run(shape, func(t *testing.T) {
			p.TTL = 254
			frame := put(t, p, upControl(), nil, 0)
			want := packet.Datagram{
				Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
				SrcMAC: p.SrcMAC, DstMAC: p.DstMAC, VLAN: p.VLAN, TTL: 254,
				Payload: unhex(t, plainHex),
			}
			got := packet.Datagram{Drop: packet.DropTTL, VLAN: 99} // must all be overwritten
			packet.ParseEthernet(frame, &got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if c := cap(got.Payload); c != packet.ControlLen {
				t.Errorf("payload could grow to %d bytes of its buffer", c)
			}
		})
	}
}

func TestParseEthernetPriorityTag(t *testing.T) {
	p := path4()
	p.VLAN = 5
	frame := put(t, p, upControl(), nil, 0)
	frame[14], frame[15] = 0xe0, 0 // priority 7, VLAN 0: no VLAN (IEEE 802.1Q §9.6)
	var d packet.Datagram
	if packet.ParseEthernet(frame, &d); d.Drop != packet.DropNone || d.VLAN != 0 {
		t.Errorf("drop %v, VLAN %d", d.Drop, d.VLAN)
	}
}

// frameFaults break the frame around the packet, one thing at a time.
var frameFaults = []struct {
	name   string
	family string // "" for both
	edit   func(v frameView)
}{
	{"version 5", "", func(v frameView) { v.ip[0] = 0x55 }},
	{"no header length", "ipv4", func(v frameView) { v.ip[0] = 0x44 }},
	{"options", "ipv4", func(v frameView) { v.ip[0] = 0x46 }},
	{"more fragments", "ipv4", func(v frameView) { v.ip[6] |= 0x20 }},
	{"fragment offset", "ipv4", func(v frameView) { v.ip[7] = 1 }},
	{"high fragment offset", "ipv4", func(v frameView) { v.ip[6] = 0x10 }},
	{"tcp", "ipv4", func(v frameView) { v.ip[9] = 6 }},
	{"total length 0", "ipv4", func(v frameView) { v.ip[2], v.ip[3] = 0, 0 }},
	{"total length 19", "ipv4", func(v frameView) { v.ip[3] = 19 }},
	{"total length without udp", "ipv4", func(v frameView) { v.ip[3] = 20 }},
	{"total length cuts udp header", "ipv4", func(v frameView) { v.ip[3] = 27 }},
	{"total length cuts udp", "ipv4", func(v frameView) { v.ip[3]-- }},
	{"total length beyond frame", "ipv4", func(v frameView) { v.ip[3]++ }},
	{"total length huge", "ipv4", func(v frameView) { v.ip[2], v.ip[3] = 0xff, 0xff }},
	{"hop by hop", "ipv6", func(v frameView) { v.ip[6] = 0 }},
	{"routing", "ipv6", func(v frameView) { v.ip[6] = 43 }},
	{"fragment", "ipv6", func(v frameView) { v.ip[6] = 44 }},
	{"authentication header", "ipv6", func(v frameView) { v.ip[6] = 51 }},
	{"destination options", "ipv6", func(v frameView) { v.ip[6] = 60 }},
	{"no next header", "ipv6", func(v frameView) { v.ip[6] = 59 }},
	{"payload length 0", "ipv6", func(v frameView) { v.ip[5] = 0 }},
	{"payload length cuts udp header", "ipv6", func(v frameView) { v.ip[5] = 7 }},
	{"payload length cuts udp", "ipv6", func(v frameView) { v.ip[5]-- }},
	{"payload length beyond frame", "ipv6", func(v frameView) { v.ip[5]++ }},
	{"mapped source", "ipv6", func(v frameView) { copy(v.ip[8:24], mapped) }},
	{"mapped destination", "ipv6", func(v frameView) { copy(v.ip[24:40], mapped) }},
	{"udp length 0", "", func(v frameView) { v.udp[5] = 0 }},
	{"udp length 7", "", func(v frameView) { v.udp[5] = 7 }},
	{"udp length beyond ip", "", func(v frameView) { v.udp[5]++ }},
	{"udp length huge", "", func(v frameView) { v.udp[4], v.udp[5] = 0xff, 0xff }},
}

var mapped = func() []byte { a := addr("192.0.2.1"); return a[:] }()

// A bad frame is one with wrong checksums, and with right ones too.
func TestParseEthernetBadFrames(t *testing.T) {
	for _, tt := range frameFaults {
		t.Run(tt.name, func(t *testing.T) {
			for shape, p := range paths() {
				if tt.family != "" && tt.family != shape[:4] {
					continue
				}
				frame := put(t, p, upControl(), nil, 0)
				v := view(frame)
				tt.edit(v)
				if got := judge(frame); got != packet.DropFrame {
					t.Errorf("%s with wrong checksums: %v, want %v", shape, got, packet.DropFrame)
				}
				v.setIPChecksum()
				if int(binary.BigEndian.Uint16(v.udp[4:])) <= len(v.udp) && len(v.datagram()) >= 8 {
					v.setUDPChecksum()
				}
				if got := judge(frame); got != packet.DropFrame {
					t.Errorf("%s: %v, want %v", shape, got, packet.DropFrame)
				}
			}
		})
	}
	rows.Covers(t, "5082-5.4-01", "ENV-UDP-02")
}

func TestParseEthernetOtherFrames(t *testing.T) {
	etherType := func(typ uint16) func([]byte) []byte {
		return func(b []byte) []byte { binary.BigEndian.PutUint16(b[12:], typ); return b }
	}
	tests := []struct {
		name string
		edit func(frame []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"arp", etherType(0x0806)},
		{"ipv6 type on ipv4", etherType(0x86dd)},
		{"802.3 length", etherType(52)},
		{"service tag", etherType(0x88a8)},
		{"two tags", func(b []byte) []byte {
			return slices.Insert(b, 12, 0x81, 0x00, 0x00, 0x05, 0x81, 0x00, 0x00, 0x06)
		}},
		{"tag and service tag", func(b []byte) []byte {
			return slices.Insert(b, 12, 0x81, 0x00, 0x00, 0x05, 0x88, 0xa8, 0x00, 0x06)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.edit(put(t, path4(), upControl(), nil, 0))); got != packet.DropFrame {
				t.Errorf("%v, want %v", got, packet.DropFrame)
			}
		})
	}
}

// Cut anywhere, a frame is bad and nothing else; nothing behind the cut is read
// (a slice of exact capacity would panic).
func TestParseEthernetTruncated(t *testing.T) {
	for shape, p := range paths() {
		frame := put(t, p, upControl(), &authVectors[4].auth, 0)
		for n := range len(frame) {
			if got := judge(bytes.Clone(frame[:n])); got != packet.DropFrame {
				t.Errorf("%s cut to %d of %d: %v, want %v", shape, n, len(frame), got, packet.DropFrame)
			}
		}
	}
}

// The payload is what UDP says, and what stands behind it has no say: neither
// the rest of the IP packet nor Ethernet's padding.
func TestParseEthernetStaysWithinUDPLength(t *testing.T) {
	for shape, p := range paths() {
		for _, extra := range []int{1, 18, 400} {
			trailer := bytes.Repeat([]byte{0xa5}, extra)
			frame := append(put(t, p, upControl(), nil, 0), trailer...)
			v := view(frame)
			for _, where := range []string{"ethernet", "ip"} {
				if where == "ip" { // the IP packet now owns the trailer, UDP still not
					if v.v4 {
						binary.BigEndian.PutUint16(v.ip[2:], uint16(len(v.ip)))
						v.setIPChecksum()
					} else {
						binary.BigEndian.PutUint16(v.ip[4:], uint16(len(v.udp)))
					}
				}
				var d packet.Datagram
				packet.ParseEthernet(frame, &d)
				if want := unhex(t, plainHex); d.Drop != packet.DropNone || !bytes.Equal(d.Payload, want) {
					t.Errorf("%s, %d bytes behind in %s: drop %v, payload %x", shape, extra, where, d.Drop, d.Payload)
				}
			}
			v.bfd[3] = 25 // Length reaches into the trailer
			v.setUDPChecksum()
			if got := judge(frame); got != packet.DropBadLengthMax {
				t.Errorf("%s, Length into the trailer: %v, want %v", shape, got, packet.DropBadLengthMax)
			}
		}
	}
	rows.Covers(t, "5880-6.8.6-04", "ENV-UDP-02")
}

func TestParseEthernetShort(t *testing.T) {
	for shape, p := range paths() {
		for n := range packet.ControlLen {
			frame := put(t, p, upControl(), nil, 0)
			v := view(frame)
			v.udp[5] = byte(8 + n)
			v.setUDPChecksum()
			if got := judge(frame); got != packet.DropShort {
				t.Errorf("%s, payload of %d: %v, want %v", shape, n, got, packet.DropShort)
			}
			// Echo payloads have their sender's shape (RFC 5880 §5).
			binary.BigEndian.PutUint16(v.udp[2:], packet.PortEcho)
			v.setUDPChecksum()
			var d packet.Datagram
			if packet.ParseEthernet(frame, &d); d.Drop != packet.DropNone || len(d.Payload) != n {
				t.Errorf("%s, echo of %d: drop %v, payload of %d", shape, n, d.Drop, len(d.Payload))
			}
		}
	}
}
