package wirebed

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Some hundred gaps lie in the window, have the right mean, are spread over the
// window and do not depend on each other.
func TestJitter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ms   float64
		mult uint8
		span time.Duration
	}{{10, 1, 4 * time.Second}, {10, 3, 4 * time.Second}, {20, 1, 5 * time.Second}, {20, 3, 5 * time.Second}, {50, 3, 5 * time.Second}, {100, 1, 5 * time.Second}} {
		t.Run(fmt.Sprintf("%v ms times %d", tt.ms, tt.mult), func(t *testing.T) {
			t.Parallel()
			on(t, with(ms(tt.ms, tt.ms, tt.mult)), func(b *bed) {
				b.tell(func(c *packet.Control) { c.DetectMult = 50 })
				b.up()
				b.talk(time.Duration(tt.ms*10) * time.Millisecond)
				all := periodic(b.during(tt.span))
				hi := 1.0
				if tt.mult == 1 {
					hi = 0.9
				}
				b.gaps("jitter", all, int(millis(tt.span)/tt.ms*0.95), tt.ms*0.75, tt.ms*hi)
				even(b, all, tt.ms, 0.75, hi)
			})
			rows.Covers(t, "5880-6.8.7-18", "5880-6.8.7-19", "7419-3-01")
			if tt.mult == 1 {
				rows.Covers(t, "5880-6.8.7-20")
			}
		})
	}
}

// even checks that gaps are spread over lo to hi of the interval, with the right
// mean and without memory. What the machine stretched is left out.
func even(b *bed, all []hearing, interval, lo, hi float64) {
	b.Helper()
	var gaps []float64
	bins := map[int]int{}
	sum := 0.0
	for i := 1; i < len(all); i++ {
		g := millis(all[i].at-all[i-1].at) / interval
		if g > hi+0.1 {
			continue
		}
		gaps = append(gaps, g)
		sum += g
		bins[int(math.Round(g*20))]++
	}
	if len(gaps) < (len(all)-1)*9/10 {
		b.slow("%d of %d gaps are too long", len(all)-1-len(gaps), len(all)-1)
	}
	mean := sum / float64(len(gaps))
	if want := (lo + hi) / 2; math.Abs(mean-want) > 0.04*want {
		b.slow("interval %v: mean gap %.4f, want %.4f", interval, mean, want)
	}
	var cov, squares float64
	for i, g := range gaps {
		squares += (g - mean) * (g - mean)
		if i > 0 {
			cov += (g - mean) * (gaps[i-1] - mean)
		}
	}
	// By chance it stays within three times 1/sqrt(n) but for 1 of 400 runs.
	if r := cov / squares; math.Abs(r) > 0.05+3/math.Sqrt(float64(len(gaps))) {
		b.slow("interval %v: lag-1 autocorrelation %.3f", interval, r)
	}
	if want := int(math.Round((hi-lo)*20)) - 1; len(bins) < want {
		b.slow("interval %v: gaps fall into %d bins of 5 %%, want %d", interval, len(bins), want)
	}
}

// Each session draws its own jitter: two that start together do not stay so.
func TestJitterOfEachSession(t *testing.T) {
	t.Parallel()
	const apart = 2 * time.Millisecond
	on(t, with(p50), func(b *bed) {
		o := b.beside(b.ifname, with(p50).v6())
		b.up()
		o.up()
		b.during(3 * time.Second)
		together, mine, theirs := 0, periodic(b.all()), periodic(o.all())
		mine, theirs = mine[len(mine)-60:], theirs[len(theirs)-60:]
		for _, h := range mine {
			if slices.ContainsFunc(theirs, func(e hearing) bool { return (e.at - h.at).Abs() < apart/2 }) {
				together++
			}
		}
		if together > 15 { // by chance one in 22
			b.Errorf("%d of 60 packets left together with the other session's", together)
		}
	})
	rows.Covers(t, "5880-6.8.7-21")
}
