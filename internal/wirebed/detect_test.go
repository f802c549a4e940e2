package wirebed

import (
	"fmt"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// The negotiation vectors that fit into seconds, each from both sides: what D
// makes of its own configuration and T's.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name   string
		d, t   session.Params
		lo, hi float64 // gaps of D's packets, ms
		detect float64 // D's Detection Time, ms
	}{
		{"V1", ms(50, 50, 3), ms(50, 50, 3), 37.5, 50, 150},
		{"V2 R1", ms(50, 50, 3), ms(50, 150, 3), 112.5, 150, 150},
		{"V2 as printed, R1", ms(50, 150, 3), ms(50, 150, 3), 112.5, 150, 450},
		{"V3 R1", ms(50, 200, 3), ms(500, 150, 3), 112.5, 150, 1500},
		{"V3 R2", ms(500, 150, 3), ms(50, 200, 3), 375, 500, 450},
		{"V4 R1", ms(100, 100, 5), ms(100, 100, 2), 75, 100, 200},
		{"V4 R2", ms(100, 100, 2), ms(100, 100, 5), 75, 100, 500},
		{"V5 R1", ms(100, 100, 1), ms(100, 100, 3), 75, 90, 300},
		{"V5 R2", ms(100, 100, 3), ms(100, 100, 1), 75, 100, 100},
		{"V6 R2", ms(100, 0, 3), ms(100, 100, 3), 75, 100, 300},
		{"V7", ms(3.3, 3.3, 3), ms(3.3, 3.3, 3), 2.475, 3.3, 9.9},
		{"V8 R1", ms(10, 10, 3), ms(1000, 1000, 3), 750, 1000, 3000},
		{"V12 R1", ms(50, 0.001, 3), ms(50, 50, 3), 37.5, 50, 150},
		{"V12 R2", ms(50, 50, 3), ms(50, 0.001, 3), 37.5, 50, 150},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			on(t, with(v.d), func(b *bed) {
				b.tell(func(c *packet.Control) { // with a multiplier that forgives T its own delays
					c.DesiredMinTx, c.RequiredMinRx, c.DetectMult = v.t.DesiredMinTx, v.t.RequiredMinRx, 60
				})
				b.up()
				n := min(20, int(2500/v.hi))
				b.gaps("D sends", periodic(b.during(time.Duration(float64(n)*v.hi*1e6))), n-2, v.lo, v.hi)
				b.hush()
				b.once(func(c *packet.Control) { c.DetectMult = v.t.DetectMult })
				b.downAfter("T falls silent", v.detect)
			})
			rows.Covers(t, "5880-6.8.4-01", "5880-6.8.4-03", "5880-6.8.2-01", "5880-FSM-14", "5880-6.8.12-01")
		})
	}
}

// Detection counts what T says, not how often it says it, and neither D's own
// interval nor its multiplier.
func TestWhatDetectionCounts(t *testing.T) {
	t.Parallel()
	on(t, with(ms(20, 50, 9)), func(b *bed) {
		b.tell(func(c *packet.Control) { c.DesiredMinTx, c.DetectMult = 1_000_000, 2 })
		b.up()
		b.talk(50 * time.Millisecond)
		time.Sleep(500 * time.Millisecond)
		b.hush()
		b.downAfter("T says 1 s and sends each 50 ms", 2000)
	})
	rows.Covers(t, "5880-6.8.4-02", "5880-6.8.4-01")
}

// Never early: a peer that just makes it in time is kept.
func TestJustInTime(t *testing.T) {
	t.Parallel()
	t.Run("0.95 Detection Times", func(t *testing.T) {
		t.Parallel()
		on(t, with(ms(300, 300, 3)), func(b *bed) {
			b.tell(func(c *packet.Control) { c.DetectMult = 3 })
			b.up()
			b.talk(855 * time.Millisecond)
			b.keeps("just in time", b.during(5*time.Second), packet.Up, packet.DiagNone)
		})
		rows.Covers(t, "5880-6.8.4-04")
	})
	t.Run("multiplier 1", func(t *testing.T) {
		t.Parallel()
		on(t, with(ms(400, 400, 3)), func(b *bed) {
			b.tell(func(c *packet.Control) { c.DetectMult = 1 })
			b.up()
			b.talk(360 * time.Millisecond)
			b.keeps("0.90 intervals apart", b.during(5*time.Second), packet.Up, packet.DiagNone)
			if n := b.status().Counters.Down; n != 0 {
				b.Errorf("went down %d times", n)
			}
		})
		rows.Covers(t, "5880-6.8.4-10", "5880-6.8.4-04")
	})
}

// At speed, too: never early, and on time by the middle one of many trials. What
// the others wait for on a shared machine is not BFD's to say.
func TestDetectionAtSpeed(t *testing.T) {
	t.Parallel()
	const trials = 15
	for _, tt := range []struct{ ms, detect float64 }{{10, 30}, {3.3, 9.9}} {
		t.Run(fmt.Sprint(tt.ms), func(t *testing.T) {
			t.Parallel()
			on(t, with(ms(tt.ms, tt.ms, 3)), func(b *bed) {
				onTime := 0
				for range trials {
					b.tell(func(c *packet.Control) { c.DetectMult = 60 })
					b.up()
					b.hush()
					b.once(func(c *packet.Control) { c.DetectMult = 3 })
					h := b.downAfter("at speed", tt.detect)
					b.mu.Lock()
					if h.at-b.lastAt <= time.Duration((tt.detect+2)*1e6) {
						onTime++
					}
					b.mu.Unlock()
				}
				if onTime <= trials/2 {
					b.slow("%d of %d within 2 ms of %v ms", onTime, trials, tt.detect)
				}
			})
			rows.Covers(t, "5880-6.8.4-09", "5880-6.8.4-03")
		})
	}
}
