package sim

import (
	"flag"
	"io"
	"os"
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
	for i := range n {
		r := Run(from+uint64(i), trace)
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
	t.Logf("%d seeds: %d sessions, %d frames, %d Steps; %d Downs by silence, %d Polls answered; %.0f s of virtual time in %.1f s, %.0f times as fast as real",
		n, sum.Sessions, sum.Frames, sum.Steps, sum.Expired, sum.Finals, seconds(sum.Virtual), took.Seconds(), seconds(sum.Virtual)/took.Seconds())
	if *seed < 0 && (sum.Expired == 0 || sum.Finals == 0) {
		t.Error("the seeds exercise nothing")
	}
	rows.Covers(t, "5880-6.8.4-04", "5880-6.8.4-05", "5880-6.8.7-04", "5880-6.8.7-18", "5880-6.8.3-14", "5880-6.8.1-02", "ENV-RQ-01")
}

func (r *Result) add(o Result) {
	r.Virtual += o.Virtual
	r.Sessions += o.Sessions
	r.Frames += o.Frames
	r.Steps += o.Steps
	r.Expired += o.Expired
	r.Finals += o.Finals
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

// BenchmarkRun tells how fast virtual time goes by.
func BenchmarkRun(b *testing.B) {
	var sum Result
	for s := range uint64(b.N) {
		sum.add(Run(s, nil))
	}
	b.ReportMetric(seconds(sum.Virtual)/b.Elapsed().Seconds(), "virtual-s/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sum.Frames), "ns/frame")
}
