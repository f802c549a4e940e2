package wirebed

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Echo packets that stay away take the session down with diagnostic 2; its peer
// is not forgotten.
func TestEchoLoss(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		b.loop(true, 0)
		b.up()
		b.awaitEcho(engine.EchoActive)
		time.Sleep(300 * time.Millisecond)
		b.loop(false, 0)
		b.settle()
		b.mu.Lock()
		last := b.loopedAt
		b.mu.Unlock()
		h, ok := b.await(last, time.Second, func(h hearing) bool { return h.State != packet.Up })
		took := h.at - last
		switch {
		case !ok || h.State != packet.Down || h.Diag != packet.DiagEchoFailed || h.YourDiscr != testerDiscr:
			b.Errorf("echo lost: says %+v", h.Control)
		case took < 150*time.Millisecond-ahead:
			b.tooEarly("Down %v after the last return, want 150 ms", took)
		case took > 150*time.Millisecond+slack:
			b.slow("Down %v after the last return, want 150 ms", took)
		}
		if st := b.status().Echo; st.Sent == 0 || st.Returned == 0 || st.Returned >= st.Sent {
			b.Errorf("status %+v", st)
		}
	})
	rows.Covers(t, "5880-6.8.5-01", "5880-6.8.5-02", "5880-6.8.8-01", "5880-4.1-05")
}

// While Echo guards the path, Control packets still do, at their slower rate.
func TestControlGuardsWhileEchoRuns(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		b.loop(true, 0)
		b.up()
		b.awaitEcho(engine.EchoActive)
		b.await(now(), time.Second, func(h hearing) bool { return !h.Poll && h.RequiredMinRx == 1_000_000 })
		b.talk(0)
		b.replies(false)
		b.settle()
		b.once(func(c *packet.Control) { c.DetectMult = 2 })
		b.downAfter("T loops and says nothing", 2000)
	})
	rows.Covers(t, "5880-6.8.5-03")
}

// A long way and back is no loss: what has just been sent has its time to return.
func TestEchoGrace(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		b.loop(true, 20*time.Millisecond)
		b.up()
		b.keeps("RTT of 20 ms", b.during(time.Second), packet.Up, packet.DiagNone)
		if st := b.status().Echo; st.State != engine.EchoActive {
			b.Errorf("echo %+v", st)
		}
	})
	rows.Covers(t, "5880-6.8.8-02", "5880-6.8.8-01")
}

// A peer that never sends one back is no failure: D says so, and goes on.
func TestEchoNeverReturns(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		b.up()
		all := b.during(time.Second)
		b.keeps("nothing returns", all, packet.Up, packet.DiagNone)
		for _, h := range all {
			if h.RequiredMinRx != 50_000 {
				b.Fatalf("Required Min RX of %d µs though nothing returns", h.RequiredMinRx)
			}
		}
		if st := b.status().Echo; st.State != engine.EchoProbing || st.Sent == 0 || st.Returned != 0 {
			b.Errorf("echo %+v", st)
		}
	})
	rows.Covers(t, "5881-2-03")
}

// Each session knows its own: what befalls the Echo of one does not touch the
// other.
func TestEchoOfTwoSessions(t *testing.T) {
	t.Parallel()
	s := with(echoing(p50, 50))
	onEcho(t, s, 50, func(b *bed) {
		o := b.beside("d1", s.between(netip.MustParseAddr("192.0.2.129"), netip.MustParseAddr("192.0.2.130")))
		o.wantEcho(50)
		for _, each := range []*bed{b, o} {
			each.loop(true, 0)
			each.up()
			each.awaitEcho(engine.EchoActive)
		}
		time.Sleep(300 * time.Millisecond)
		o.loop(false, 0)
		o.await(now(), time.Second, func(h hearing) bool { return h.State == packet.Down && h.Diag == packet.DiagEchoFailed })
		o.stands("without returns", packet.Down, packet.DiagEchoFailed)
		b.keeps("with returns", b.during(400*time.Millisecond), packet.Up, packet.DiagNone)
		if mine, theirs := b.status().Echo, o.status().Echo; mine.Returned <= theirs.Returned || mine.Returned+2 < mine.Sent {
			b.Errorf("first %+v, second %+v", mine, theirs)
		}
	})
	rows.Covers(t, "5880-5-01", "5880-6.8.8-01")
}
