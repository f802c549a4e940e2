package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A session that is held Down does not advance, and still answers; what it asks
// of its peer meanwhile is the operator's business.
func TestHoldDown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rx  uint32
		row string
	}{"throttles": {10_000_000, "5880-6.8.18-01"}, "silences": {0, "5880-6.8.18-02"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := p50
			p.HoldDown, p.RequiredMinRx = true, tt.rx
			on(t, with(p), func(b *bed) {
				b.awaitFirst()
				b.tell(func(c *packet.Control) { c.RequiredMinRx = 50_000 })
				for _, said := range []packet.State{packet.Down, packet.Init, packet.Down} {
					h := b.answered("held", func(c *packet.Control) { c.State = said })
					if h.YourDiscr != testerDiscr {
						b.Errorf("answers to %#x", h.YourDiscr)
					}
				}
				b.during(1100 * time.Millisecond)
				all := b.all()
				b.keeps("held", all, packet.Down, packet.DiagNone)
				for _, h := range all {
					if h.RequiredMinRx != tt.rx {
						b.Fatalf("asks for a packet each %d µs", h.RequiredMinRx)
					}
				}
				p.HoldDown, p.RequiredMinRx = false, 50_000
				b.configure(p)
				b.up()
			})
			rows.Covers(t, "5880-FSM-19", tt.row)
		})
	}
}

// C is set when D is told that it outlives its control plane, in Finals too.
func TestControlPlaneIndependent(t *testing.T) {
	t.Parallel()
	p := p50
	p.CPI = true
	on(t, with(p), func(b *bed) {
		b.up()
		b.answered("Poll", nil)
		for _, h := range b.all() {
			if !h.CPI {
				b.Fatalf("C is clear in %+v", h.Control)
			}
		}
		b.configure(p50)
		b.settle()
		for _, h := range b.during(200 * time.Millisecond) {
			if h.CPI {
				b.Fatalf("C is set in %+v", h.Control)
			}
		}
	})
	rows.Covers(t, "5880-6.8.7-06")
}

// What others know of the path: a reset of the forwarding plane takes the session
// down, a failure disables it until that is taken back.
func TestSignals(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		from := now()
		b.d.must(b.d.Engine().Signal(b.discr, packet.DiagForwardingReset))
		if h := b.says("reset", from, func(h hearing) bool { return h.State != packet.Up }); h.State != packet.Down || h.Diag != packet.DiagForwardingReset || h.YourDiscr != testerDiscr {
			b.Errorf("reset: %+v", h.Control)
		}
		b.up()
		from = now()
		b.d.must(b.d.Engine().Signal(b.discr, packet.DiagPathDown))
		if h := b.says("path down", from, func(h hearing) bool { return h.State != packet.Up }); h.State != packet.AdminDown || h.Diag != packet.DiagPathDown {
			b.Errorf("path down: %+v", h.Control)
		}
		b.keeps("path down", b.during(1100*time.Millisecond), packet.AdminDown, packet.DiagPathDown)
		from = now()
		b.d.must(b.d.Engine().Signal(b.discr, packet.DiagNone))
		b.says("path up", from, func(h hearing) bool { return h.State == packet.Down })
		b.up()
		for _, diag := range []packet.Diag{packet.DiagConcatPathDown, packet.DiagReverseConcat} {
			b.d.must(b.d.Engine().Signal(b.discr, diag))
			b.settle()
			b.keeps("beyond the peer", b.during(300*time.Millisecond), packet.Up, diag)
		}
	})
	rows.Covers(t, "5880-6.8.15-01", "5880-6.8.16-05", "5880-6.8.17-01", "5880-4.1-05")
}
