package packet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/packet"
)

func FuzzParseEthernet(f *testing.F) {
	for _, p := range paths() {
		f.Add(put(f, p, upControl(), nil, packet.BitPoll))
		f.Add(put(f, p, upControl(), &authVectors[0].auth, 0))
		f.Add(append(put(f, p, upControl(), &authVectors[4].auth, 0), 0, 0, 0, 0))
		for _, fault := range frameFaults {
			frame := put(f, p, upControl(), nil, 0)
			fault.edit(view(frame))
			f.Add(frame)
		}
	}
	for _, file := range []string{"plain_v4", "plain_v6", "auth_meticulous_sha1"} {
		f.Add(readCapture(f, file)[0])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b) // no spare capacity: a read behind the end panics
		was := bytes.Clone(b)
		var d packet.Datagram
		packet.ParseEthernet(b, &d)
		if !bytes.Equal(b, was) {
			t.Fatal("the frame was changed")
		}
		if d.Drop > packet.DropBadChecksum {
			t.Fatalf("drop %v is not for ParseEthernet to give", d.Drop)
		}
		if cap(d.Payload) != len(d.Payload) || d.Drop == packet.DropFrame && d.Payload != nil {
			t.Fatalf("payload of %d, capacity %d, drop %v", len(d.Payload), cap(d.Payload), d.Drop)
		}
		if d.Drop != packet.DropNone {
			return
		}
		// What stands behind the datagram must not matter.
		var longer packet.Datagram
		packet.ParseEthernet(append(bytes.Clone(b), 0xa5), &longer)
		if longer.Drop != packet.DropNone || !bytes.Equal(longer.Payload, d.Payload) {
			t.Fatalf("with a byte more: drop %v, payload % x", longer.Drop, longer.Payload)
		}
		parseAgain(t, &d)
	})
}

// parseAgain renders what d carries and parses that: the same must come out.
func parseAgain(t *testing.T, d *packet.Datagram) {
	var c packet.Control
	if c.Decode(d.Payload) != packet.DropNone {
		return
	}
	section, a := (*packet.Auth)(nil), packet.Auth{}
	if c.Auth {
		if packet.DecodeAuth(d.Payload[packet.ControlLen:c.Length], &a) != packet.DropNone {
			return
		}
		section = &a
	} else {
		c.Length = packet.ControlLen // an empty tail inside Length is not ours to send
	}
	p := packet.Path{
		SrcMAC: d.SrcMAC, DstMAC: d.DstMAC, VLAN: d.VLAN, Src: d.Src, Dst: d.Dst,
		SrcPort: d.SrcPort, DstPort: d.DstPort, TTL: max(d.TTL, 1),
	}
	var bits uint8
	if c.Poll {
		bits |= packet.BitPoll
	}
	if c.Final {
		bits |= packet.BitFinal
	}
	frame := put(t, p, c, section, bits)
	if fault := sumFault(frame); fault != "" {
		t.Fatalf("%s in % x", fault, frame)
	}
	var again packet.Datagram
	packet.ParseEthernet(frame, &again)
	var c2 packet.Control
	if drop := c2.Decode(again.Payload); again.Drop != packet.DropNone || drop != packet.DropNone || c2 != c {
		t.Fatalf("again: %v, %v, %+v, want %+v", again.Drop, drop, c2, c)
	}
	if c.Auth {
		var a2 packet.Auth
		if drop := packet.DecodeAuth(again.Payload[packet.ControlLen:], &a2); drop != packet.DropNone || a2 != a {
			t.Fatalf("section again: %v, %+v, want %+v", drop, a2, a)
		}
	}
	again.Payload, again.TTL = nil, d.TTL
	want := *d
	want.Payload = nil
	if diff := cmp.Diff(want, again); diff != "" {
		t.Fatalf("surroundings again (-want +got):\n%s", diff)
	}
}

func FuzzControl(f *testing.F) {
	f.Add(unhex(f, plainHex))
	for _, v := range authVectors {
		f.Add(unhex(f, v.hex))
	}
	for _, tt := range discards {
		b := unhex(f, plainHex)
		tt.edit(b)
		f.Add(b)
	}
	f.Add(bytes.Repeat([]byte{0xff}, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		var c packet.Control
		drop := c.Decode(b)
		if len(b) > 255 { // nothing behind the longest Length is looked at
			var cut packet.Control
			if got := cut.Decode(bytes.Clone(b[:255])); got != drop || cut != c {
				t.Fatalf("cut to 255 bytes: %v, %+v, want %v, %+v", got, cut, drop, c)
			}
		}
		if drop != packet.DropNone {
			if drop < packet.DropShort || drop > packet.DropZeroMyDiscr || drop == packet.DropBadChecksum {
				t.Fatalf("drop %v is not for Decode to give", drop)
			}
			return
		}
		if int(c.Length) > len(b) || c.MyDiscr == 0 || c.DetectMult == 0 || c.Multipoint {
			t.Fatalf("accepted %+v of %d bytes", c, len(b))
		}
		out := make([]byte, packet.ControlLen)
		c.Put(out)
		if !bytes.Equal(out, b[:packet.ControlLen]) {
			t.Fatalf("% x went out as % x", b[:packet.ControlLen], out)
		}
		var again packet.Control
		if drop := again.Decode(append(out, b[packet.ControlLen:]...)); drop != packet.DropNone || again != c {
			t.Fatalf("again: %v, %+v, want %+v", drop, again, c)
		}
	})
}

func FuzzAuth(f *testing.F) {
	for _, v := range authVectors {
		section := unhex(f, v.hex)[packet.ControlLen:]
		f.Add(section)
		f.Add(section[:len(section)-1])
		f.Add(append(section, 0))
	}
	f.Add([]byte{1, 4, 0, 'x'})
	f.Add([]byte{5, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		var a packet.Auth
		switch drop := packet.DecodeAuth(b, &a); drop {
		case packet.DropNone:
		case packet.DropAuthType, packet.DropAuthLen:
			if a.Seq != 0 || a.N != 0 || a.Data != [20]byte{} {
				t.Fatalf("%v left %+v", drop, a)
			}
			return
		default:
			t.Fatalf("drop %v is not for DecodeAuth to give", drop)
		}
		if a.Len() != len(b) {
			t.Fatalf("a section of %d bytes has Len %d", len(b), a.Len())
		}
		out := make([]byte, len(b))
		if n := a.Put(out); n != len(b) {
			t.Fatalf("Put wrote %d of %d bytes", n, len(b))
		}
		if a.Type != packet.AuthSimple {
			b[3] = 0 // reserved: not kept
		}
		if !bytes.Equal(out, b) {
			t.Fatalf("% x went out as % x", b, out)
		}
		var again packet.Auth
		if drop := packet.DecodeAuth(out, &again); drop != packet.DropNone || again != a {
			t.Fatalf("again: %v, %+v, want %+v", drop, again, a)
		}
	})
}
