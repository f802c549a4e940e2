package packet_test

import (
	"bytes"
	"testing"

	"github.com/xbfd/xbfd/packet"
)

// FuzzEcho: what opens is, to the bit, what was sealed.
func FuzzEcho(f *testing.F) {
	b := make([]byte, packet.EchoLen)
	echoSample.Put(b, &echoKey)
	f.Add(b, echoKey.A, echoKey.B)
	f.Add(b[:31], uint64(0), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, k0, k1 uint64) {
		k := packet.EchoKey{A: k0, B: k1}
		var e packet.Echo
		if e.Decode(bytes.Clone(b), &k) {
			var again [packet.EchoLen]byte
			if e.Put(again[:], &k); !bytes.Equal(again[:], b) {
				t.Fatalf("% x opens to %+v, which is % x", b, e, again)
			}
		} else if e != (packet.Echo{}) {
			t.Fatalf("refused, but decoded: %+v", e)
		}
	})
}

// FuzzLoopEcho: what goes back parses, with one hop less to go and the same
// payload, and nothing that does not parse goes back.
func FuzzLoopEcho(f *testing.F) {
	for _, p := range paths() {
		frame := putEcho(f, echoPath(p), echoSample)
		f.Add(frame, false)
		f.Add(append(frame, 0, 0), true)
		f.Add(put(f, p, upControl(), nil, 0), true)
		for _, fault := range frameFaults {
			b := bytes.Clone(frame)
			fault.edit(view(b))
			f.Add(b, false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, turn bool) {
		b = bytes.Clone(b)
		was := bytes.Clone(b)
		dst := make([]byte, packet.MaxFrame)
		n := packet.LoopEcho(dst, b, turn)
		var in, out packet.Datagram
		packet.ParseEthernet(b, &in)
		if !bytes.Equal(b, was) {
			t.Fatal("the received frame was changed")
		}
		if ok := in.Drop == packet.DropNone && in.TTL != 0 && len(b) <= len(dst); (n != 0) != ok {
			t.Fatalf("looped %d bytes of a frame of %d: %v, TTL %d", n, len(b), in.Drop, in.TTL)
		}
		if n == 0 {
			return
		}
		packet.ParseEthernet(dst[:n:n], &out)
		in.SrcMAC, in.DstMAC = in.DstMAC, in.SrcMAC
		in.TTL--
		if turn {
			in.Src, in.Dst, in.SrcPort, in.DstPort = in.Dst, in.Src, in.DstPort, in.SrcPort
		}
		if out.Drop == packet.DropShort && out.DstPort != packet.PortEcho {
			out.Drop = packet.DropNone // turned, it goes to a port where less is too little
		}
		if n != len(b) || !bytes.Equal(out.Payload, in.Payload) {
			t.Fatalf("%d of %d bytes, payload % x, was % x", n, len(b), out.Payload, in.Payload)
		}
		in.Payload, out.Payload = nil, nil
		if out.Drop != packet.DropNone || out.Src != in.Src || out.Dst != in.Dst || out.SrcPort != in.SrcPort ||
			out.DstPort != in.DstPort || out.SrcMAC != in.SrcMAC || out.DstMAC != in.DstMAC || out.TTL != in.TTL || out.VLAN != in.VLAN {
			t.Fatalf("looped as %+v, want %+v", out, in)
		}
	})
}
