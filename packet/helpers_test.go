package packet_test

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/packet"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("decode hex: %v", err)
	}
	return b
}

func addr(s string) packet.Addr { return packet.AddrFrom(netip.MustParseAddr(s)) }

func path4() packet.Path {
	return packet.Path{
		SrcMAC: packet.MAC{2, 0, 0, 0, 0, 1}, DstMAC: packet.MAC{2, 0, 0, 0, 0, 2},
		Src: addr("192.0.2.1"), Dst: addr("192.0.2.2"),
		SrcPort: 49152, DstPort: packet.PortControl, DSCP: 48,
	}
}

func path6() packet.Path {
	p := path4()
	p.Src, p.Dst = addr("2001:db8::1"), addr("2001:db8::2")
	return p
}

// paths returns one path of each shape a frame can have.
func paths() map[string]packet.Path {
	tagged := func(p packet.Path) packet.Path {
		p.VLAN, p.PCP = 4001, 6
		return p
	}
	return map[string]packet.Path{
		"ipv4": path4(), "ipv6": path6(), "ipv4 tagged": tagged(path4()), "ipv6 tagged": tagged(path6()),
	}
}

// upControl is the header of the known-answer packets.
func upControl() packet.Control {
	return packet.Control{
		State: packet.Up, DetectMult: 3, Length: packet.ControlLen,
		MyDiscr: 0x11223344, YourDiscr: 0x55667788, DesiredMinTx: 50_000, RequiredMinRx: 50_000,
	}
}

// put renders one frame and returns it, with bits set.
func put(t testing.TB, p packet.Path, c packet.Control, a *packet.Auth, bits uint8) []byte {
	t.Helper()
	var tmpl packet.Template
	tmpl.Render(&p, &c, a)
	b := make([]byte, packet.MaxFrame)
	n := tmpl.Put(b, bits)
	if n == 0 || n != tmpl.Len() {
		t.Fatalf("Put wrote %d bytes of a frame of %d", n, tmpl.Len())
	}
	return b[:n:n]
}

// judge gives a frame's verdict the way a receiver comes to it.
func judge(frame []byte) packet.Drop {
	var d packet.Datagram
	packet.ParseEthernet(frame, &d)
	if d.Drop != packet.DropNone {
		return d.Drop
	}
	var c packet.Control
	return c.Decode(d.Payload)
}

// onesSum is the checksum of RFC 1071 word by word, as its text has it: the
// reference that the fast sums of the package are held against.
func onesSum(parts ...[]byte) uint16 {
	var acc uint32
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			word := uint32(b[i]) << 8
			if i+1 < len(b) {
				word |= uint32(b[i+1])
			}
			if acc += word; acc > 0xffff {
				acc -= 0xffff
			}
		}
	}
	return uint16(acc)
}

// frameView finds the parts of a frame made by put, by the offsets of the RFCs.
type frameView struct {
	v4           bool
	ip, udp, bfd []byte // each to the end of the frame
}

func view(frame []byte) frameView {
	l3 := 14
	if binary.BigEndian.Uint16(frame[12:]) == 0x8100 {
		l3 = 18
	}
	v4 := frame[l3]>>4 == 4
	l4 := l3 + 40
	if v4 {
		l4 = l3 + 20
	}
	return frameView{v4: v4, ip: frame[l3:], udp: frame[l4:], bfd: frame[l4+8:]}
}

// pseudo returns the pseudo-header of the frame's datagram (RFC 768, RFC 8200 §8.1).
func (v frameView) pseudo() []byte {
	addrs := v.ip[8:40]
	if v.v4 {
		addrs = v.ip[12:20]
	}
	length := binary.BigEndian.Uint16(v.udp[4:])
	return append(append(make([]byte, 0, 36), addrs...), 0, 17, byte(length>>8), byte(length))
}

// datagram returns the UDP datagram as far as its own length says.
func (v frameView) datagram() []byte { return v.udp[:binary.BigEndian.Uint16(v.udp[4:])] }

// setIPChecksum makes the IPv4 header's checksum right again.
func (v frameView) setIPChecksum() {
	if v.v4 {
		v.ip[10], v.ip[11] = 0, 0
		binary.BigEndian.PutUint16(v.ip[10:], ^onesSum(v.ip[:20]))
	}
}

// setUDPChecksum makes the datagram's checksum right again.
func (v frameView) setUDPChecksum() {
	v.udp[6], v.udp[7] = 0, 0
	sum := ^onesSum(v.pseudo(), v.datagram())
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(v.udp[6:], sum)
}

// sumFault says what is wrong with the checksums of a frame of ours, "" when
// every one of them is right to the representation.
func sumFault(frame []byte) string {
	v := view(frame)
	switch {
	case v.v4 && onesSum(v.ip[:20]) != 0xffff:
		return "IPv4 header checksum wrong"
	case onesSum(v.pseudo(), v.datagram()) != 0xffff:
		return "UDP checksum wrong"
	case v.udp[6] == 0 && v.udp[7] == 0:
		return "UDP checksum 0 (none)"
	}
	return ""
}

func checkSums(t testing.TB, frame []byte) {
	t.Helper()
	if fault := sumFault(frame); fault != "" {
		t.Fatalf("%s in % x", fault, frame)
	}
}

// pad appends bytes to the datagram of a frame of ours and corrects all lengths
// and checksums.
func pad(frame, tail []byte) []byte {
	frame = append(frame[:len(frame):len(frame)], tail...)
	v := view(frame)
	if v.v4 {
		binary.BigEndian.PutUint16(v.ip[2:], uint16(len(v.ip)))
	} else {
		binary.BigEndian.PutUint16(v.ip[4:], uint16(len(v.udp)))
	}
	binary.BigEndian.PutUint16(v.udp[4:], uint16(len(v.udp)))
	v.setIPChecksum()
	v.setUDPChecksum()
	return frame
}
