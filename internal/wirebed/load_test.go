package wirebed

import (
	"errors"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// Packets that are missing slow a session that may be slowed, by Poll.
func TestCongestion(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind session.Kind
		row  string
	}{"single hop": {session.SingleHop, "5880-7-02"}, "multihop": {session.Multihop, "5880-7-01"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := p50
			p.Ceiling, p.Kind = 1_000_000, tt.kind
			on(t, with(p), func(b *bed) {
				b.tell(func(c *packet.Control) { c.DetectMult = 20 })
				b.up()
				from := now()
				for range 4 {
					b.talk(0)
					time.Sleep(120 * time.Millisecond)
					b.talk(40 * time.Millisecond)
					time.Sleep(100 * time.Millisecond)
				}
				h, ok := b.await(from, time.Second, func(h hearing) bool { return h.DesiredMinTx >= 100_000 })
				if !ok || h.RequiredMinRx < 100_000 || !h.Poll || h.State != packet.Up {
					b.Errorf("not slowed by Poll: %+v", h.Control)
				}
				if n := b.status().Slowed; n == 0 {
					b.Errorf("the API does not say so")
				}
			})
			rows.Covers(t, tt.row)
		})
	}
}

// A session that D cannot serve at the rates it would advertise is refused and
// sends nothing, or is slowed where D has a fastest rate.
func TestAdmission(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := with(p50)
		s.options.Capacity = 50 // packets a second: one session at 50 ms
		on(t, s, func(b *bed) {
			b.up()
			_, err := b.d.Speaker.Add(netlinkmon.Target{Peer: addr6T, Local: addr6D, Interface: b.ifname}, engine.Spec{Params: p50})
			var load *engine.LoadError
			if !errors.As(err, &load) {
				b.Errorf("a second session: %v", err)
			}
			b.keeps("the first", b.during(300*time.Millisecond), packet.Up, packet.DiagNone)
		})
		rows.Covers(t, "5880-7-03")
	})
	t.Run("slowed", func(t *testing.T) {
		t.Parallel()
		s := with(p50)
		s.options.MinInterval = 100_000
		on(t, s, func(b *bed) {
			b.up()
			all := periodic(b.during(time.Second))
			b.gaps("slowed", all, 9, 75, 100)
			for _, h := range all {
				if h.DesiredMinTx != 100_000 || h.RequiredMinRx != 100_000 {
					b.Fatalf("advertises %+v", h.Control)
				}
			}
		})
		rows.Covers(t, "5880-7-03", "7419-3-03")
	})
}

// What D advertises it can take, both at once.
func TestAdvertisedRatesAreServed(t *testing.T) {
	t.Parallel()
	p := ms(10, 5, 3)
	p.EchoRx = 5_000
	on(t, with(p), func(b *bed) {
		b.tell(func(c *packet.Control) { c.DetectMult = 60 })
		b.up()
		if h, ok := b.await(now(), time.Second, func(h hearing) bool { return h.RequiredMinEchoRx != 0 }); !ok || h.RequiredMinRx != 5_000 || h.RequiredMinEchoRx != 5_000 {
			b.Errorf("advertises %+v", h.Control)
		}
		b.talk(0)
		b.settle()
		before, drops := b.received(), b.drops()
		from := now()
		const packets = 200
		for range packets {
			b.once(nil)
			d := b.frameOf(b.said())
			d.path.Dst, d.path.DstPort = d.path.Src, packet.PortEcho
			b.inject(d)
			time.Sleep(5 * time.Millisecond)
		}
		b.settle()
		if got, back := b.received()-before, len(b.echoed(from)); got != packets || back != packets || b.drops() != drops {
			b.Errorf("took %d and sent back %d of %d, discards %v", got, back, packets, b.drops())
		}
	})
	rows.Covers(t, "5880-6.4-02")
}
