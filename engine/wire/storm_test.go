package wire

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/internal/netns"
)

// stormRig is two insured ends whose engines do nothing but live.
type stormRig struct {
	*rig
	lanes [2]*fastpath.Lanes
}

// replied counts the replies of an end, of both families.
func (r *stormRig) replied(end int) uint64 {
	return r.lanes[end].Insured(v4) + r.lanes[end].Insured(v6)
}

// live lets time pass for two engines that make their turns and do not send.
func (r *stormRig) live(d time.Duration) {
	for end := time.Now().Add(d); ; time.Sleep(50 * time.Millisecond) {
		for _, l := range r.lanes {
			l.Beat(int64(Now()))
		}
		if time.Now().After(end) {
			return
		}
	}
}

// One engine that runs keeps the sessions of one that does not: each packet
// draws a reply. Two that stand still do not keep each other alive: a packet
// draws a reply, that one more at most, and then there is silence.
func TestInsuranceNoStorm(t *testing.T) {
	for _, how := range []string{InsuranceTC, InsuranceXDP} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			const interval, gap = 10 * time.Millisecond, 7500 * time.Microsecond
			r := &stormRig{rig: newRig(t, netns.VethOptions{})}
			o := Options{Transport: TransportXDP, Insurance: how, Journal: unwritten{}}
			r.a.open(t, o)
			r.b.open(t, o)
			r.lanes = [2]*fastpath.Lanes{r.a.insure(t, gap), r.b.insure(t, gap)}
			fd := r.b.packetSocket(t)
			say := func() {
				for family := range 2 {
					_, err := unix.Write(fd, r.b.says(family))
					must(t, err)
				}
			}
			const rounds = 100
			for range rounds { // b runs, a stands still
				for family := range 2 {
					r.lanes[1].Shut(family, int64(Now())+int64(interval*5/4))
				}
				say()
				r.live(0)
				time.Sleep(interval)
			}
			if n := r.replied(0); n < 2*rounds*9/10 || n > 2*rounds {
				t.Errorf("%d replies to %d packets", n, 2*rounds)
			}
			if n := r.replied(1); n > rounds/10 {
				t.Errorf("the engine that runs was answered for %d times", n)
			}
			if heard := r.lanes[1].Count(v4) + r.lanes[1].Count(v6); heard < r.replied(0) {
				t.Errorf("%d of %d replies were heard", heard, r.replied(0))
			}
			before := r.replied(0) + r.replied(1)
			r.live(2 * time.Second)
			if n := r.replied(0) + r.replied(1) - before; n > 2 {
				t.Errorf("%d packets in 2 s after both engines stood still", n)
			}
			before = r.replied(0) + r.replied(1)
			for range 3 { // all gates are open by now
				say()
			}
			r.live(2 * time.Second)
			if n := r.replied(0) + r.replied(1) - before; n < 2 || n > 4 {
				t.Errorf("6 packets between two engines that stand still drew %d, want 2 to 4", n)
			}
		})
	}
}
