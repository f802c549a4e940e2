package wirebed

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Once Up, T may change its address, its port and its MAC, one after the other;
// D goes on, and goes on sending to where it was told.
func TestPeerMoves(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		for _, m := range []struct {
			name string
			do   func()
		}{
			{"source port", func() { b.srcPort = 1024 }},
			{"MAC", func() { b.fromMAC = packet.MAC{2, 0, 0, 0, 9, 9} }},
			{"source address", func() { b.src = packet.AddrFrom(netip.MustParseAddr("198.51.100.9")) }},
		} {
			before := b.received()
			b.mu.Lock()
			m.do()
			b.mu.Unlock()
			b.answered(m.name, nil)
			all := b.during(700 * time.Millisecond)
			after := b.status()
			if after.State != packet.Up || after.Counters.Down != 0 || b.received()-before < 10 {
				b.Errorf("%s changed: %v, %d more packets", m.name, after.State, b.received()-before)
			}
			for _, h := range all {
				if h.dgram.Dst.Netip() != addr4T || h.dgram.DstMAC != b.mac {
					b.Errorf("%s changed: D sends to %v at %v", m.name, h.dgram.Dst.Netip(), h.dgram.DstMAC)
					break
				}
			}
			if len(all) == 0 {
				b.Errorf("%s changed: D is silent", m.name)
			}
		}
	})
	rows.Covers(t, "5881-4-06", "5880-6.3-03", "5881-6-04", "5881-6-05")
}

// Two sessions between the same two hosts, in everything that may tell them
// apart: what befalls one does not touch the other.
func TestSessionsDoNotCrossFeed(t *testing.T) {
	t.Parallel()
	other := with(p100)
	other.local = netip.MustParseAddr("192.0.2.99")
	for _, tt := range []struct {
		name     string
		ifname   string
		one, two setup
		rows     []string
	}{
		{"IPv4 and IPv6 on one link", "d0", with(p100), with(p100).v6(), []string{"5881-2-02", "5880-6.3-06"}},
		{"the same addresses on two interfaces", "d1", with(p100), with(p100), []string{"5881-2-01", "5881-3-03", "5880-6.3-06"}},
		{"other local address", "d0", with(p100), other, []string{"5880-6.3-06"}},
		{"the same link-local addresses on two interfaces", "d1", with(p100).v6(), with(p100).v6(), []string{"5881-6-07", "5881-3-03", "5881-2-01"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			on(t, tt.one, func(b *bed) { pairUp(b, b.beside(tt.ifname, tt.two)) })
			rows.Covers(t, tt.rows...)
		})
	}
}

// pairUp brings two sessions Up and lets each fall in turn.
func pairUp(b, o *bed) {
	b.Helper()
	b.up()
	o.up()

	// Without a discriminator only the addresses and the interface tell.
	b.talk(0)
	from := now()
	b.mu.Lock()
	c := b.control()
	c.State, c.YourDiscr = packet.Down, 0
	b.valid(c)
	b.mu.Unlock()
	h := b.says("first session, restarted peer", from, func(h hearing) bool { return h.State != packet.Up })
	if h.State != packet.Down || h.Diag != packet.DiagNeighborDown {
		b.Errorf("first session, restarted peer: says %v/%d", h.State, h.Diag)
	}
	o.keeps("second session meanwhile", o.during(400*time.Millisecond), packet.Up, 0)
	b.up()

	o.hush()
	o.downAfter("second session, silent peer", 300)
	b.keeps("first session meanwhile", b.during(400*time.Millisecond), packet.Up, packet.DiagNeighborDown)
	if n := b.status().Counters.Down; n != 1 {
		b.Errorf("first session went down %d times", n)
	}
}

// On a point-to-point link the peer's address tells nothing: its first packet is
// taken from anywhere.
func TestPointToPoint(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		stranger := packet.AddrFrom(netip.MustParseAddr("203.0.113.9"))
		b.awaitFirst()
		first := func() *draft {
			c := b.said()
			c.YourDiscr, c.State = 0, packet.Down
			d := b.frameOf(c)
			d.path.Src = stranger
			return d
		}
		b.inject(first())
		b.settle()
		if n := b.drops()[packet.DropNoSession]; n != 1 {
			b.Errorf("on a shared link: %d packets of no session, want 1", n)
		}
		path := b.status().Path
		path.PointToPoint = true
		b.d.must(b.d.Engine().SetPath(b.discr, path))
		time.Sleep(10 * time.Millisecond)
		from := now()
		b.inject(first())
		b.says("first packet from a stranger", from, func(h hearing) bool { return h.State == packet.Init && h.YourDiscr == testerDiscr })
		b.src = stranger
		b.up()
	})
	rows.Covers(t, "5881-6-03")
}

// The receiver at the end of a unidirectional link is passive, and knows the sender by
// the link that its first packet comes by (RFC 5883 §4.3).
func TestUnidirectionalLink(t *testing.T) {
	t.Parallel()
	passive := p50
	passive.Passive = true
	on(t, with(passive), func(b *bed) {
		path := b.status().Path
		path.PointToPoint = true
		b.d.must(b.d.Engine().SetPath(b.discr, path))
		b.silent("before the sender was heard", 1500*time.Millisecond)
		from := now()
		c := b.control()
		c.YourDiscr, c.State = 0, packet.Down
		d := b.frameOf(c)
		d.path.Src = packet.AddrFrom(netip.MustParseAddr("203.0.113.9"))
		b.inject(d)
		b.says("the sender's first packet", from, func(h hearing) bool { return h.State == packet.Init && h.YourDiscr == testerDiscr })
		b.src = packet.AddrFrom(netip.MustParseAddr("203.0.113.9"))
		b.up()
	})
	rows.Covers(t, "5883-4.3-01")
}

// Flaps change neither discriminator nor source port.
func TestIdentity(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		for range 6 {
			b.up()
			b.hush()
			b.downAfter("silence", 150)
		}
		all := b.all()
		for _, h := range all {
			if h.MyDiscr != all[0].MyDiscr || h.dgram.SrcPort != all[0].dgram.SrcPort || h.dgram.SrcPort < 49152 {
				b.Errorf("%#x from port %d, was %#x from %d", h.MyDiscr, h.dgram.SrcPort, all[0].MyDiscr, all[0].dgram.SrcPort)
				break
			}
		}
		if n := b.status().Counters.Up; n != 6 {
			b.Errorf("came Up %d times", n)
		}
	})
	rows.Covers(t, "5880-6.8.7-11", "5880-6.8.1-15", "5880-6.3-05", "5881-4-03")
}

// Packets carry the service class that was asked for, in both families.
func TestServiceClass(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": with(p50), "IPv6": with(p50).v6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Spec = engine.Spec{Params: p50, DSCP: 34}
			on(t, s, func(b *bed) {
				class := func(h hearing) byte {
					ip := h.frame[ipStart:]
					if h.dgram.Dst.Is4() {
						return ip[1] >> 2
					}
					return (ip[0]<<4 | ip[1]>>4) >> 2
				}
				b.up()
				for _, h := range b.all() {
					if class(h) != 34 {
						b.Fatalf("sent with DSCP %d, want 34", class(h))
					}
				}
				b.d.must(b.d.Engine().SetDSCP(b.discr, 48))
				b.settle()
				all := b.during(300 * time.Millisecond)
				if len(all) == 0 {
					b.tooLate("nothing heard")
				}
				for _, h := range all {
					if class(h) != 48 {
						b.Fatalf("sent with DSCP %d, want 48", class(h))
					}
				}
			})
			rows.Covers(t, "5882-6-01")
		})
	}
}
