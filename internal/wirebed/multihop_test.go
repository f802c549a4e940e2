package wirebed

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// multihop is a bed whose session may be hops long; here it is one.
func multihop(minTTL uint8) setup {
	s := with(p50)
	s.Params.Kind, s.MinTTL = session.Multihop, minTTL
	return s
}

// The TTL of a multihop packet may be as low as the floor and no lower; the port
// of one hop does not lead to the session.
func TestMultihopFloor(t *testing.T) {
	t.Parallel()
	ttl := func(n uint8) func(*bed, packet.Control) *draft {
		return func(b *bed, c packet.Control) *draft { return b.frameOf(c).ttl(n) }
	}
	stateless := func(n uint8) func(*bed, packet.Control) *draft {
		return func(b *bed, c packet.Control) *draft {
			c.State, c.YourDiscr = packet.Down, 0
			return b.frameOf(c).ttl(n)
		}
	}
	each(t, multihop(0), []probe{{"254", ttl(254), 0, nil}, {"255", ttl(255), 0, nil}}, probe.accept, "5883-TTL-01", "5883-5-01")
	each(t, multihop(0), []probe{
		{"253", ttl(253), packet.DropTTL, nil}, {"253 and no discriminator", stateless(253), packet.DropTTL, nil}, {"1", ttl(1), packet.DropTTL, nil},
		{"253 from another address", func(b *bed, c packet.Control) *draft { // which only the engine can judge
			d := b.frameOf(c).ttl(253)
			d.path.Src = packet.AddrFrom(netip.MustParseAddr("203.0.113.9"))
			return d
		}, packet.DropTTL, nil},
		{"port of a single hop", func(b *bed, c packet.Control) *draft {
			d := b.frameOf(c)
			d.path.DstPort = packet.PortControl
			return d
		}, packet.DropUnknownYourDiscr, []string{"5883-5-01"}},
	}, probe.discard, "5883-TTL-01")
	each(t, multihop(250), []probe{{"250 of 250", ttl(250), 0, nil}}, probe.accept, "5883-TTL-01")
	each(t, multihop(250), []probe{{"249 of 250", ttl(249), packet.DropTTL, nil}}, probe.discard, "5883-TTL-01")
	each(t, with(p50), []probe{{"port of multihop", func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c)
		d.path.DstPort = packet.PortMultihop
		return d
	}, 0, nil}}, func(_ probe, b *bed) {
		b.up()
		b.hush()
		for range 7 {
			d := b.frameOf(b.said())
			d.path.DstPort = packet.PortMultihop
			b.inject(d)
			time.Sleep(20 * time.Millisecond)
		}
		b.downAfter("packets to the port of multihop", 150)
	}, "5883-5-01")
}

// What a multihop session sends: another port, the highest TTL, and never Echo.
func TestMultihopPackets(t *testing.T) {
	t.Parallel()
	s := multihop(0)
	s.Params.EchoRx = 50_000
	on(t, s, func(b *bed) {
		b.d.SetEchoSource(echoSources)
		b.wantEcho(50)
		b.up()
		b.answered("Poll", nil)
		if n := len(b.echoesDuring(500 * time.Millisecond)); n != 0 {
			b.Errorf("%d Echo packets", n)
		}
		all := b.all()
		for _, h := range all {
			if h.dgram.DstPort != 4784 || h.dgram.TTL != 255 || h.dgram.SrcPort < 49152 || h.dgram.SrcPort != all[0].dgram.SrcPort || h.RequiredMinEchoRx != 0 {
				b.Fatalf("sent %+v, echo %d", h.dgram, h.RequiredMinEchoRx)
			}
		}
		target := netlinkmon.Target{Peer: addr4T, Local: addr4D, Multihop: true}
		if _, err := b.d.Speaker.Add(target, engine.Spec{Params: session.Params{DesiredMinTx: 1, DetectMult: 1, EchoTx: 1, Kind: session.Multihop}}); err == nil {
			b.Errorf("Echo on a multihop session is not refused")
		}
	})
	rows.Covers(t, "5883-5-01", "5883-TTL-01", "5883-3-01")
}

// A first packet is its session's by the pair of addresses: two sessions that
// differ by the local one, and one of a single hop, do not touch each other.
func TestMultihopSessionsDoNotCrossFeed(t *testing.T) {
	t.Parallel()
	other := multihop(0)
	other.local = netip.MustParseAddr("192.0.2.99")
	other.Params.DesiredMinTx, other.Params.RequiredMinRx = 100_000, 100_000
	one := multihop(0)
	one.Params = other.Params
	for name, two := range map[string]setup{"two addresses": other, "one hop beside": with(p100)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, one, func(b *bed) { pairUp(b, b.beside(b.ifname, two)) })
			rows.Covers(t, "5883-4.1-01", "5880-6.3-06")
		})
	}
}

// The way to the peer changes from one interface to another: D's packets go the
// new one, from the same address, and T's are taken from either.
func TestMultihopMoves(t *testing.T) {
	t.Parallel()
	s := multihop(0)
	s.Params.DesiredMinTx, s.Params.RequiredMinRx, s.Params.DetectMult = 200_000, 200_000, 5
	s.local, s.peer = netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("198.51.100.2")
	s.unadded = true
	on(t, s, func(b *bed) {
		const far = "198.51.100.2/32"
		next := b.d.plug("d1")
		b.d.address("d0", b.station, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"))
		b.d.address("d1", next, netip.MustParseAddr("192.0.3.1"), netip.MustParseAddr("192.0.3.2"))
		b.d.AddRoute(b.T, "d0", far, "192.0.2.2")
		b.add(s)
		b.up()

		o := &bed{trial: b.trial, d: b.d, discr: b.discr, params: b.params, ifname: "d1"}
		o.tester = &tester{
			station: next, local: b.local, peer: b.peer, src: b.src, toMAC: packet.MAC(b.d.MAC(b.T, "d1")), fromMAC: next.mac,
			srcPort: b.srcPort, dstPort: b.dstPort, answer: true, say: b.said(),
		}
		next.mu.Lock()
		next.testers = append(next.testers, o.tester)
		next.mu.Unlock()

		b.d.DelRoute(b.T, "d0", far, "192.0.2.2")
		from := now()
		b.d.AddRoute(b.T, "d1", far, "192.0.3.2")
		if _, ok := o.await(from, 700*time.Millisecond, func(h hearing) bool { return h.State == packet.Up }); !ok {
			b.Fatalf("nothing comes the new way")
		}
		b.settle()
		left := now()
		o.answered("the new way", nil) // while T still talks the old one
		b.talk(0)
		o.talk(180 * time.Millisecond)
		all := o.during(1200 * time.Millisecond)
		o.keeps("the new way", all, packet.Up, packet.DiagNone)
		if n := len(b.since(left)); n != 0 || len(all) == 0 {
			b.Errorf("%d packets the old way, %d the new one", n, len(all))
		}
		o.talk(0)
		if st := b.status(); st.Counters.Down != 0 {
			b.Errorf("went down %d times", st.Counters.Down)
		}
	})
	rows.Covers(t, "5883-IF-01")
}
