package sim

import (
	"flag"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
)

var (
	seeds = flag.Int("seeds", 1000, "how many seeds TestSeeds plays")
	first = flag.Uint64("first", 0, "the first of them")
	seed  = flag.Int64("seed", -1, "play only this seed, and with -v print its trace")
)

// TestSeeds plays many seeds. None may break a rule of Watch.
func TestSeeds(t *testing.T) {
	from, n := *first, *seeds
	var trace io.Writer
	if *seed >= 0 {
		from, n = uint64(*seed), 1
		if testing.Verbose() {
			trace = os.Stdout
		}
	}
	var sum Result
	started := time.Now()
	for _, r := range play(from, n, trace) {
		sum.add(r)
		if len(r.Broken) == 0 {
			continue
		}
		for _, broken := range r.Broken {
			t.Error(broken)
		}
		t.Fatalf("replay with: go test ./internal/sim -run '^TestSeeds$' -v -args -seed=%d", r.Seed)
	}
	took := time.Since(started)
	t.Logf("%d seeds: %d sessions, %d frames (%d of them an attacker's), %d Steps; Downs %+v; %d Polls answered, %d Echo looped, %d packets refused, %d heard by XDP alone and %d answered; %.0f s of virtual time in %.1f s, %.0f times as fast as real",
		n, sum.Sessions, sum.Frames, sum.Injected, sum.Steps, sum.Downs, sum.Finals, sum.Looped, sum.Refused, sum.Heard, sum.Answered, seconds(sum.Virtual), took.Seconds(), seconds(sum.Virtual)/took.Seconds())
	d := sum.Downs
	if *seed < 0 && min(d.Silence, d.Echo, d.Demand, d.Unaffiliated, sum.Finals, sum.Looped, sum.Refused, sum.Injected, sum.Heard, sum.Answered) == 0 {
		t.Error("the seeds do not exercise everything")
	}
	rows.Covers(t, "5880-6.8.4-04", "5880-6.8.4-05", "5880-6.8.7-04", "5880-6.8.7-18", "5880-6.8.3-14", "5880-6.8.1-02", "ENV-RQ-01")
	if *seed >= 0 {
		return
	}
	rows.Covers(t, "5880-6.8.9-01", "5880-6.8.9-02", "5880-6.8.9-03", "5880-6.8.3-11", "5880-6.4-03", "5880-6.8.5-01", "5881-4-14",
		"5880-6.8.7-08", "5880-6.6-02", "5880-6.6-04", "5880-6.8.4-06", "5880-6.8.4-07", "5880-6.8.4-08", "9747-2-05", "9747-2-12")
}

// play plays n seeds, as many at a time as there are processors: each has a world
// of its own. The first that breaks a rule ends it.
func play(from uint64, n int, trace io.Writer) []Result {
	results := make([]Result, n)
	var next atomic.Int64
	var broken atomic.Bool
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && !broken.Load(); i = next.Add(1) - 1 {
				results[i] = Run(from+uint64(i), trace)
				if len(results[i].Broken) > 0 {
					broken.Store(true)
				}
			}
		})
	}
	all.Wait()
	return results
}

func (r *Result) add(o Result) {
	r.Virtual += o.Virtual
	r.Sessions += o.Sessions
	r.Frames += o.Frames
	r.Steps += o.Steps
	r.Injected += o.Injected
	r.Looped += o.Looped
	r.Refused += o.Refused
	r.Downs.Silence += o.Downs.Silence
	r.Downs.Echo += o.Downs.Echo
	r.Downs.Demand += o.Downs.Demand
	r.Downs.Unaffiliated += o.Downs.Unaffiliated
	r.Finals += o.Finals
	r.Heard += o.Heard
	r.Answered += o.Answered
}

// The same seed makes the same run; another, another.
func TestSameSeedSameTrace(t *testing.T) {
	hashes := make(map[uint64]uint64)
	for s := range uint64(20) {
		a, b := Run(s, nil), Run(s, io.Discard) // whether or not anybody reads it
		if a.Hash != b.Hash || a.Frames != b.Frames || a.Steps != b.Steps {
			t.Errorf("seed %d: %+v, and again %+v", s, a, b)
		}
		if other, ok := hashes[a.Hash]; ok {
			t.Errorf("seeds %d and %d have the same trace", s, other)
		}
		hashes[a.Hash] = s
	}
}

// Seeds beyond those of TestSeeds that have found something. 6279: after a stall
// the last packets of a peer that was kept silent come by several queues, out of
// order, and a change of state among them ends our Demand mode in that Step. 6000:
// the Detection Time of unaffiliated Echo becomes shorter before the next packet.
// 2999: after a stall frames that are nobody's keep others in the rings between workers.
func TestSeedsKept(t *testing.T) {
	for _, s := range []uint64{6279, 6000, 2999} {
		for _, broken := range Run(s, nil).Broken {
			t.Error(broken)
		}
	}
}

// BenchmarkRun tells how fast virtual time goes by.
func BenchmarkRun(b *testing.B) {
	var sum Result
	for s := range uint64(b.N) {
		sum.add(Run(s, nil))
	}
	b.ReportMetric(seconds(sum.Virtual)/b.Elapsed().Seconds(), "virtual-s/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sum.Frames), "ns/frame")
}
