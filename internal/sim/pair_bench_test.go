package sim

import (
	"net/netip"
	"testing"
)

// BenchmarkPair tells how much faster than real one pair of sessions at 50 ms x 3
// goes by, on a link of 50 us: an hour of it for each iteration.
func BenchmarkPair(b *testing.B) {
	const hour = 3600 * Second
	w := NewWorld(1)
	link := w.NewLink("link", Conditions{Delay: 50 * Microsecond})
	hosts := [2]*Host{w.NewHost("a", 1), w.NewHost("b", 1)}
	hosts[0].Plug(1, link.There, link.Back)
	hosts[1].Plug(1, link.Back, link.There)
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	pair := [2]*Session{hosts[0].Add(ms(50, 50, 3), path(1, one, two)), hosts[1].Add(ms(50, 50, 3), path(1, two, one))}
	w.Run(10 * Second)
	began, sent := w.Now(), link.There.Offered+link.Back.Offered
	b.ResetTimer()
	b.ReportAllocs()
	for range b.N {
		w.Run(hour)
	}
	b.StopTimer()
	for _, s := range pair {
		if st := s.Status(); st.Counters.Up != 1 || st.Counters.Down != 0 {
			b.Fatalf("session %v, %+v", st.State, st.Counters)
		}
	}
	b.ReportMetric(seconds(w.Now()-began)/b.Elapsed().Seconds(), "sim/real")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(link.There.Offered+link.Back.Offered-sent), "ns/frame")
}
