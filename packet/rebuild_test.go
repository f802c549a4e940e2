package packet

import (
	"bytes"
	"testing"
)

func TestPutDatagram(t *testing.T) {
	v4 := func(n byte) Addr { return Addr{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: n} }
	v6 := func(n byte) Addr { return Addr{0: 0x20, 1: 1, 15: n} }
	for name, c := range map[string]struct {
		src, dst Addr
		ttl      uint8
		payload  int
		room     int
		n, at    int
	}{
		"IPv4":           {v4(1), v4(2), 255, 24, 118, 66, 42},
		"IPv6":           {v6(1), v6(2), 64, 52, 118, 114, 62},
		"TTL 0":          {v4(1), v4(2), 0, 24, 118, 66, 42},
		"hop limit 0":    {v6(1), v6(2), 0, 24, 118, 86, 62},
		"odd":            {v4(1), v4(2), 1, 25, 118, 67, 42},
		"cut":            {v4(1), v4(2), 1, 200, 118, 118, 42},
		"no room":        {v4(1), v4(2), 1, 24, 41, 0, 0},
		"two families":   {v4(1), v6(2), 1, 24, 118, 0, 0},
		"empty":          {v6(1), v6(2), 1, 0, 118, 62, 62},
		"nothing at all": {Addr{}, Addr{}, 1, 0, 0, 0, 0},
	} {
		d := Datagram{Src: c.src, Dst: c.dst, SrcPort: 1, DstPort: PortControl, TTL: c.ttl, Payload: bytes.Repeat([]byte{7}, c.payload)}
		b := bytes.Repeat([]byte{0xee}, c.room)
		n, at := PutDatagram(b, &d)
		if n != c.n || at != c.at {
			t.Errorf("%s: %d bytes, payload at %d", name, n, at)
			continue
		}
		if n-at < ControlLen {
			continue
		}
		var got Datagram
		ParseEthernet(b[:n], &got)
		if got.Drop != DropNone || got.Src != d.Src || got.Dst != d.Dst || got.TTL != d.TTL || got.SrcPort != 1 || !bytes.Equal(got.Payload, d.Payload[:n-at]) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Whatever it is given, it stays within the headers.
func TestFixChecksum(t *testing.T) {
	for n := range 130 {
		for payload := range 140 {
			frame := bytes.Repeat([]byte{0x45}, n)
			FixChecksum(frame, payload)
			for i, b := range frame {
				if b != 0x45 && i != payload-2 && i != payload-1 && i != payload-18 && i != payload-17 {
					t.Fatalf("%d bytes, payload at %d: byte %d written", n, payload, i)
				}
			}
		}
	}
}
