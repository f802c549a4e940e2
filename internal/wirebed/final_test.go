package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A peer that asks for no packets gets none, but each of its Polls is answered.
func TestPeerAsksForSilence(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		b.tell(func(c *packet.Control) { c.RequiredMinRx = 0 })
		time.Sleep(60 * time.Millisecond)
		b.silent("the peer wants none", 1500*time.Millisecond)
		for range 3 {
			b.answered("Poll", nil)
		}
		if all := b.during(200 * time.Millisecond); len(all) != 0 {
			b.Errorf("%d packets more after three Finals", len(all))
		}
		from := now()
		b.tell(func(c *packet.Control) { c.RequiredMinRx = 100_000 })
		if _, ok := b.await(from, 45*time.Millisecond+100*time.Millisecond+slack, func(hearing) bool { return true }); !ok {
			b.tooLate("nothing within one new interval")
		}
		b.gaps("resumed", periodic(b.during(1500*time.Millisecond)), 13, 75, 100)
	})
	rows.Covers(t, "5880-6.8.7-23", "5880-6.8.7-25", "5880-6.8.7-22")
}

// A Poll is answered at once, in every state, and the schedule does not notice.
func TestFinals(t *testing.T) {
	t.Parallel()
	for own, said := range map[packet.State]packet.State{packet.Down: packet.Up, packet.Init: packet.Down, packet.Up: packet.Up} {
		t.Run(own.String(), func(t *testing.T) {
			t.Parallel()
			on(t, with(ms(1000, 1000, 3)), func(b *bed) {
				b.bring(own)
				for range 5 {
					time.Sleep(70 * time.Millisecond)
					h := b.answered("Poll", func(c *packet.Control) { c.State = said })
					b.mu.Lock()
					took := h.at - b.lastAt
					b.mu.Unlock()
					if took > 10*time.Millisecond {
						b.slow("a Final after %v", took)
					}
					if h.State != own {
						b.Errorf("%v after a Poll in %v", h.State, own)
					}
				}
			})
			rows.Covers(t, "5880-6.8.7-25", "5880-6.8.6-28")
		})
	}
	t.Run("1 kHz", func(t *testing.T) {
		t.Parallel()
		on(t, with(p100), func(b *bed) {
			b.up()
			b.tell(func(c *packet.Control) { c.Poll = true })
			b.talk(time.Millisecond)
			all := b.during(2500 * time.Millisecond)
			b.talk(0)
			b.settle()
			b.gaps("under Polls at 1 kHz", periodic(all), 24, 75, 100)
			if n := len(finals(all)); n < 2000 {
				b.slow("%d Finals in 2.5 s", n)
			}
			if st := b.status(); st.Counters.Rx < uint64(len(finals(b.all()))) {
				b.Errorf("%d Finals for %d packets", len(finals(b.all())), st.Counters.Rx)
			}
		})
		rows.Covers(t, "5880-6.8.7-25", "5880-6.8.7-26", "5880-6.8.7-04", "5880-6.8.6-28")
	})
}
