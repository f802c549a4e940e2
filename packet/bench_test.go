package packet_test

import (
	"testing"

	"github.com/xbfd/xbfd/packet"
)

// The hot path: what happens for every packet received or sent allocates nothing.
func TestNoAllocations(t *testing.T) {
	for shape, p := range paths() {
		c, section := upControl(), authVectors[4].auth
		var tmpl packet.Template
		tmpl.Render(&p, &c, &section)
		dst := make([]byte, packet.MaxFrame)
		frame := dst[:tmpl.Put(dst, packet.BitPoll)]
		var d packet.Datagram
		packet.ParseEthernet(frame, &d)
		payload := d.Payload
		var echo packet.Template
		far := echoPath(p)
		echo.RenderEcho(&far)
		echoFrame := putEcho(t, far, echoSample)
		var e packet.Echo
		back := make([]byte, packet.MaxFrame)
		for name, f := range map[string]func(){
			"ParseEthernet": func() { packet.ParseEthernet(frame, &d) },
			"Decode":        func() { c.Decode(payload) },
			"DecodeAuth":    func() { packet.DecodeAuth(payload[packet.ControlLen:], &section) },
			"Put":           func() { tmpl.Put(dst, packet.BitFinal) },
			"Render":        func() { tmpl.Render(&p, &c, &section) },
			"PutEcho":       func() { echo.PutEcho(back, &echoSample, &echoKey) },
			"Echo.Decode":   func() { e.Decode(echoFrame[echo.BFD():], &echoKey) },
			"LoopEcho":      func() { packet.LoopEcho(back, echoFrame, true) },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s: %s allocates %v times a call", shape, name, n)
			}
		}
	}
}

// BenchmarkDecode is a frame's way from bytes to a header that passed.
func BenchmarkDecode(b *testing.B) {
	for _, shape := range []string{"ipv4", "ipv6", "ipv6 tagged"} {
		b.Run(shape, func(b *testing.B) {
			frame := put(b, paths()[shape], upControl(), nil, 0)
			b.ReportAllocs()
			var d packet.Datagram
			var c packet.Control
			for b.Loop() {
				packet.ParseEthernet(frame, &d)
				if d.Drop != packet.DropNone || c.Decode(d.Payload) != packet.DropNone {
					b.Fatal("dropped")
				}
			}
		})
	}
}

// BenchmarkTemplatePut is a send without the ring: copy, bits, checksum.
func BenchmarkTemplatePut(b *testing.B) {
	for _, shape := range []string{"ipv4", "ipv6"} {
		for name, bits := range map[string]uint8{"plain": 0, "final": packet.BitFinal} {
			b.Run(shape+" "+name, func(b *testing.B) {
				p, c := paths()[shape], upControl()
				var tmpl packet.Template
				tmpl.Render(&p, &c, nil)
				dst := make([]byte, packet.MaxFrame)
				b.ReportAllocs()
				for b.Loop() {
					tmpl.Put(dst, bits)
				}
			})
		}
	}
}

func BenchmarkTemplateRender(b *testing.B) {
	for _, shape := range []string{"ipv4", "ipv6"} {
		b.Run(shape, func(b *testing.B) {
			p, c := paths()[shape], upControl()
			var tmpl packet.Template
			b.ReportAllocs()
			for b.Loop() {
				tmpl.Render(&p, &c, nil)
			}
		})
	}
}

// BenchmarkEcho is an Echo packet's way: sealed, opened, and looped by a peer.
func BenchmarkEcho(b *testing.B) {
	for _, shape := range []string{"ipv4", "ipv6"} {
		p := echoPath(paths()[shape])
		var tmpl packet.Template
		tmpl.RenderEcho(&p)
		dst := make([]byte, packet.MaxFrame)
		frame := putEcho(b, p, echoSample)
		var e packet.Echo
		for name, f := range map[string]func() bool{
			"put":    func() bool { return tmpl.PutEcho(dst, &echoSample, &echoKey) != 0 },
			"decode": func() bool { return e.Decode(frame[tmpl.BFD():], &echoKey) },
			"loop":   func() bool { return packet.LoopEcho(dst, frame, false) != 0 },
		} {
			b.Run(name+" "+shape, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !f() {
						b.Fatal("refused")
					}
				}
			})
		}
	}
}
