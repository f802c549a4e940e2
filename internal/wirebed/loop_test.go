package wirebed

import (
	"bytes"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// T's Echo packets are sent back as a router would, if D offered that, and only
// then; whether D sends its own has nothing to do with it.
func TestLooping(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": with(p50), "IPv6": with(p50).global6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Params.EchoRx = 30_000
			on(t, s, func(b *bed) {
				b.awaitFirst()
				b.up()
				offered := func(us uint32) {
					b.Helper()
					if _, ok := b.await(now(), 300*time.Millisecond, func(h hearing) bool { return h.RequiredMinEchoRx == us }); !ok {
						b.Errorf("never says that it takes an Echo packet each %d µs", us)
					}
				}
				offered(30_000)
				if first := b.all()[0]; first.RequiredMinEchoRx != 0 {
					b.Errorf("offers to loop before it is Up")
				}
				for n := range byte(5) {
					b.looped(bytes.Repeat([]byte{0xc0 + n}, 8+13*int(n)), true)
				}
				p := p50
				b.configure(p)
				offered(0)
				b.looped(bytes.Repeat([]byte{0xee}, 40), false)
				p.EchoRx = 60_000
				b.configure(p)
				offered(60_000)
				b.looped(bytes.Repeat([]byte{0xdd}, 40), true)
				b.stands("at the end", packet.Up, packet.DiagNone)
				if n := b.status().Echo.Sent; n != 0 {
					b.Errorf("%d Echo packets of its own", n)
				}
			})
			rows.Covers(t, "5881-4-14", "5880-6.4-01", "5880-6.8.13-02", "5880-6.8.7-15", "5880-6.4-02")
		})
	}
}

// looped sends an Echo packet of T's, and checks whether and how it comes back.
func (b *bed) looped(payload []byte, want bool) {
	b.Helper()
	from := now()
	d := b.frameOf(b.said())
	d.path.Dst, d.path.DstPort, d.payload = d.path.Src, packet.PortEcho, payload
	sent := d.bytes()
	b.inject(d)
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := len(b.echoes)
	b.wait(slack, func() bool { return len(b.echoes) > seen || len(b.echoes) > 0 && b.echoes[len(b.echoes)-1].at >= from })
	var back []hearing
	for _, h := range b.echoes {
		if h.at >= from {
			back = append(back, h)
		}
	}
	switch {
	case len(back) == 0 && want:
		b.slow("an Echo packet is not sent back")
	case len(back) > 0 && !want:
		b.Errorf("an Echo packet is sent back, which was not offered")
	case len(back) > 0:
		h := back[0]
		if h.dgram.TTL != 254 || h.dgram.DstMAC != b.fromMAC || h.dgram.SrcMAC != b.toMAC || !bytes.Equal(h.dgram.Payload, payload) ||
			h.dgram.Src != b.src || h.dgram.Dst != b.src || h.dgram.Drop != packet.DropNone || len(h.frame) != len(sent) {
			b.Errorf("came back as %+v", h.dgram)
		}
	}
}
