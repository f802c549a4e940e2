package packet_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Every buffer here has no capacity behind its end, so that a read past it
// panics. Frames of every length are read, good ones with bytes changed, and
// each payload's header with every value of every byte.
func TestHostileBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 37))
	read := func(frame []byte) {
		var d packet.Datagram
		var c packet.Control
		var a packet.Auth
		packet.ParseEthernet(frame, &d)
		if c.Decode(d.Payload) == packet.DropNone && c.Auth {
			packet.DecodeAuth(d.Payload[packet.ControlLen:c.Length:c.Length], &a)
		}
		if cap(d.Payload) != len(d.Payload) {
			t.Fatalf("payload of %d reaches %d", len(d.Payload), cap(d.Payload))
		}
	}
	var shapes []packet.Path
	for _, p := range paths() {
		shapes = append(shapes, p)
	}
	for range 200_000 {
		frame := put(t, shapes[rng.IntN(len(shapes))], randomControl(rng), randomAuth(rng), 0)
		for range 1 + rng.IntN(4) {
			frame[rng.IntN(len(frame))] = byte(rng.Uint32())
		}
		read(bytes.Clone(frame[:len(frame)-rng.IntN(2)*rng.IntN(len(frame))]))
	}
	for n := 0; n <= 65535; n += 1 + n/16 {
		b := make([]byte, n)
		fill(rng, b)
		read(b)
		var c packet.Control
		c.Decode(b)
		var a packet.Auth
		packet.DecodeAuth(b, &a)
	}
	for i := range packet.ControlLen {
		for x := range 256 {
			for _, n := range []int{24, 25, 26, 52, 255, 256} {
				b := make([]byte, n)
				copy(b, unhex(t, plainHex))
				b[i] = byte(x)
				var c packet.Control
				if drop := c.Decode(b); drop == packet.DropNone && int(c.Length) > n {
					t.Fatalf("byte %d = %#02x: Length %d of %d accepted", i, x, c.Length, n)
				}
			}
		}
	}
	rows.Covers(t, "5880-6.8.6-32")
}
