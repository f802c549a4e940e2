package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/packet"
)

// A peer that comes back just in time has one near miss, though no packet of it
// reached the engine, and one that keeps its interval has none.
func TestNearMissOnTheWire(t *testing.T) {
	t.Parallel()
	on(t, with(p100), func(b *bed) {
		b.tell(func(c *packet.Control) { c.DetectMult = 5 }) // up to 500 ms
		b.up()
		b.settle()
		before := b.status()
		time.Sleep(500 * time.Millisecond)
		if st := b.status(); st.Margin.NearMisses != before.Margin.NearMisses {
			b.slow("%d near misses of a peer that talks", st.Margin.NearMisses-before.Margin.NearMisses)
		}
		b.hush()
		b.once(func(*packet.Control) {})
		time.Sleep(450 * time.Millisecond)
		b.talk(90 * time.Millisecond)
		time.Sleep(200 * time.Millisecond)
		st := b.status()
		if gap := time.Duration(st.Margin.LongestRx); st.State != packet.Up || gap < 425*time.Millisecond || gap > 500*time.Millisecond {
			b.tooLate("%v, and a gap of %v", st.State, gap)
		}
		if n := st.Margin.NearMisses - before.Margin.NearMisses; n != 1 || st.Margin.Least > int64(75*time.Millisecond) {
			b.Errorf("%d near misses, margin %+v", n, st.Margin)
		}
		if fastPath && st.Counters.Rx != before.Counters.Rx {
			b.slow("%d packets came by the ring", st.Counters.Rx-before.Counters.Rx)
		}
	})
}
