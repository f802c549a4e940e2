package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// retiming is a change of D's timers: what it does before and after the Final.
type retiming struct {
	name           string
	from, to       session.Params
	lo, hi         float64 // gaps before the Final, ms
	loAfter, after float64 // and after
	detect         float64 // Detection Time before the Final, ms
	detectAfter    float64
	rows           []string
}

func TestTimerChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []retiming{
		{"P1 tx 100 to 400", ms(100, 100, 3), ms(400, 100, 3), 75, 100, 300, 400, 300, 300, []string{"5880-6.8.3-03"}},
		{"P2 tx 400 to 100", ms(400, 100, 3), ms(100, 100, 3), 75, 100, 75, 100, 300, 300, []string{"5880-6.8.3-06"}},
		{"P3 rx 100 to 400", ms(100, 100, 3), ms(100, 400, 3), 75, 100, 75, 100, 1200, 1200, []string{"5880-6.8.3-07"}},
		{"P4 rx 400 to 100", ms(100, 400, 3), ms(100, 100, 3), 75, 100, 75, 100, 1200, 300, []string{"5880-6.8.3-04"}},
		{"P10 both at once", ms(100, 100, 3), ms(400, 50, 3), 75, 100, 300, 400, 300, 300, []string{"5880-6.8.3-03", "5880-6.8.3-04"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			on(t, with(tt.from), tt.withheld)
			on(t, with(tt.from), tt.silent)
			rows.Covers(t, tt.rows...)
		})
	}
}

// begin changes D's timers and leaves the Poll unanswered.
func (r retiming) begin(b *bed) {
	b.tell(func(c *packet.Control) { c.DesiredMinTx, c.RequiredMinRx = 100_000, 100_000 })
	b.up()
	b.replies(false)
	b.talk(60 * time.Millisecond)
	from := now()
	b.configure(r.to)
	h := b.says("the change", from, func(h hearing) bool { return h.Poll })
	if h.DesiredMinTx != r.to.DesiredMinTx || h.RequiredMinRx != r.to.RequiredMinRx {
		b.Errorf("advertised %d and %d", h.DesiredMinTx, h.RequiredMinRx)
	}
}

// withheld lets T keep its Final back for a while.
func (r retiming) withheld(b *bed) {
	r.begin(b)
	all := periodic(b.during(1200 * time.Millisecond))
	b.polled("before the Final", all, true)
	b.gaps("before the Final", all, int(1200/r.hi)-2, r.lo, r.hi)
	b.stands("T withheld the Final", packet.Up, 0)
	b.once(func(c *packet.Control) { c.Final = true })
	time.Sleep(time.Duration(r.hi * 1e6)) // the gap in progress
	all = periodic(b.during(1300 * time.Millisecond))
	b.polled("after the Final", all, false)
	b.gaps("after the Final", all, int(1300/r.after)-2, r.loAfter, r.after)
	b.hush()
	b.downAfter("after the Final", r.detectAfter)
}

// silent lets T fall silent before any Final.
func (r retiming) silent(b *bed) {
	r.begin(b)
	b.hush()
	b.downAfter("before the Final", r.detect)
}

// P11, and a Final of an earlier Poll must not release a later change.
func TestSecondChangeWhilePolling(t *testing.T) {
	t.Parallel()
	t.Run("P11", func(t *testing.T) {
		t.Parallel()
		on(t, with(p100), func(b *bed) {
			b.up()
			b.replies(false)
			b.configure(ms(400, 100, 3))
			time.Sleep(20 * time.Millisecond)
			b.configure(ms(100, 100, 3))
			all := periodic(b.during(time.Second))
			b.gaps("before the Final", all[1:], 8, 75, 100)
			b.once(func(c *packet.Control) { c.Final = true })
			b.settle()
			b.gaps("after the Final", periodic(b.during(time.Second)), 8, 75, 100)
			b.replies(true)
			time.Sleep(300 * time.Millisecond)
			b.polled("at last", b.during(300*time.Millisecond), false)
		})
		rows.Covers(t, "5880-6.8.3-12")
	})
	t.Run("late Final", func(t *testing.T) {
		t.Parallel()
		on(t, with(ms(100, 400, 3)), func(b *bed) {
			b.tell(func(c *packet.Control) { c.DesiredMinTx, c.RequiredMinRx = 100_000, 100_000 })
			b.up()
			b.talk(0)
			b.replies(false)
			from := now()
			b.configure(ms(100, 300, 3)) // the first change, polled
			b.says("first change", from, func(h hearing) bool { return h.Poll && h.RequiredMinRx == 300_000 })
			b.configure(ms(100, 100, 3)) // the second
			time.Sleep(5 * time.Millisecond)
			b.once(func(c *packet.Control) { c.Final = true }) // answers the first
			b.settle()
			b.once(nil) // F clear: the second Poll may begin
			b.settle()
			if dt := b.status().DetectionTime; dt != int64(1200*time.Millisecond) {
				b.Errorf("a Final of the first Poll left a Detection Time of %d ns", dt)
			}
			from = now()
			if _, ok := b.await(from, 300*time.Millisecond, func(h hearing) bool { return h.Poll && h.RequiredMinRx == 100_000 }); !ok {
				b.Errorf("no second Poll")
			}
			b.once(func(c *packet.Control) { c.Final = true })
			b.downAfter("the Final of the second Poll", 300)
		})
		rows.Covers(t, "5880-6.8.3-12", "5880-6.8.3-04")
	})
}
