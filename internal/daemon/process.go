package daemon

import (
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/control"
)

// describeProcess says what the daemon takes of the host. None of it stops the
// workers, as runtime.ReadMemStats would.
func describeProcess() (p control.Process) {
	var use unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &use) == nil {
		p.CPUSeconds = time.Duration(use.Utime.Nano() + use.Stime.Nano()).Seconds()
	}
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/gc/heap/allocs:objects"},
	}
	metrics.Read(samples)
	p.Memory = samples[0].Value.Uint64() - samples[1].Value.Uint64()
	p.GCCycles = samples[2].Value.Uint64()
	p.GCPause = uint64(sumOf(samples[3].Value.Float64Histogram()) * 1e6)
	p.Allocs = samples[4].Value.Uint64()
	return p
}

// sumOf estimates the sum of what is in a histogram by the lower ends of its
// buckets: it says no more than there was.
func sumOf(h *metrics.Float64Histogram) (sum float64) {
	for i, n := range h.Counts {
		sum += float64(n) * max(0, h.Buckets[i])
	}
	return sum
}
