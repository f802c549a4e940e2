package wire

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
)

// What a packet costs its sender, all that follows on veth included: it is heard
// at the other end, or answered, and the answer is heard here.
func BenchmarkHeard(b *testing.B) {
	for _, bb := range []struct {
		name, how string
		gate      time.Duration
	}{
		{"heard", InsuranceTC, time.Hour},
		{"answered-by-tc", InsuranceTC, 0},
		{"answered-by-xdp", InsuranceXDP, 0},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := newRig(b, netns.VethOptions{})
			o := Options{Transport: TransportXDP, Insurance: bb.how}
			r.a.open(b, o)
			r.b.open(b, o)
			lanes, far := r.a.insure(b, 0), r.b.insure(b, 0)
			lanes.SetPatience(time.Hour)
			lanes.Shut(v4, int64(Now())+int64(bb.gate))
			far.Shut(v4, int64(Now())+int64(time.Hour))
			fd, frame := r.b.packetSocket(b), r.b.says(v4)
			b.ResetTimer()
			for range b.N {
				if _, err := unix.Write(fd, frame); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if n := far.Count(v4); bb.gate == 0 && n < uint64(b.N) {
				b.Errorf("%d of %d answers were heard", n, b.N)
			}
			if n := lanes.Count(v4); n != uint64(b.N) {
				b.Errorf("%d of %d packets were heard", n, b.N)
			}
		})
	}
}
