package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDistribution(t *testing.T) {
	h := newHistogram()
	for us := int64(1); us <= 1000; us++ {
		record(h, us*1000)
	}
	record(h, -5) // earlier than possible is not late
	d := distributionOf(h)
	if d.Count != 1001 || d.P50 != 500 || d.P90 != 900 || d.P99 != 990 || d.Max != 1000 {
		t.Errorf("%+v", d)
	}
	if got := d.String(); got != "p50 500µs, p90 900µs, p99 990µs, p99.9 999µs, max 1ms" {
		t.Error(got)
	}
	points := quantiles(h)
	if last := points[len(points)-1]; last.x != 1000 || last.y != 100 {
		t.Errorf("ends at %v", last)
	}
	record(h, math.MaxInt64) // longer than can be told apart, but counted
	if d := distributionOf(h); d.Count != 1002 || d.Max < 59e6 {
		t.Errorf("%+v", d)
	}
}

func TestShort(t *testing.T) {
	for us, want := range map[float64]string{0: "0s", 12.4: "12µs", 1234.5: "1.23ms", 2.345e6: "2.35s"} {
		if got := short(us); got != want {
			t.Errorf("%v us: %q", us, got)
		}
	}
}

// The search ends close to where it turns, wherever it starts.
func TestBisection(t *testing.T) {
	for _, limit := range []int{1, 7, 100, 310, 5000, 60000, maxSessions} {
		for _, start := range []int{1, 100, 1000, maxSessions} {
			b := bisection{next: start}
			for b.more() {
				b.tried(b.next <= limit)
			}
			if b.tries == maxTries {
				continue // it is bounded, above all
			}
			if b.good > limit || b.bad != 0 && b.bad <= limit {
				t.Errorf("limit %d from %d: %+v", limit, start, b)
			}
			if b.bad != 0 && b.bad-b.good > max(b.bad/8, 1) {
				t.Errorf("limit %d from %d: ends between %d and %d", limit, start, b.good, b.bad)
			}
		}
	}
}

func TestChart(t *testing.T) {
	c := newChart("a < b", "x & y", "z")
	c.add("one", []point{{1, 0}, {10, 2}, {100, 4.1}})
	c.add("two", []point{{0, 1}, {50, math.Inf(1)}, {70, 3}})
	c.add("none", []point{{0, 1}})
	dir := filepath.Join(t.TempDir(), "new")
	if err := c.save(dir, "c.svg"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "c.svg"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != 2 || strings.Contains(string(text), "NaN") {
		t.Errorf("%d lines in\n%s", lines, text)
	}
	if err := c.save("", "c.svg"); err != nil {
		t.Errorf("without a directory: %v", err)
	}
}

func TestTicks(t *testing.T) {
	if diff := cmp.Diff([]float64{5, 10, 20, 30, 50}, ticks(4, 60)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{1, 10, 100, 1000, 10000, 100000}, ticks(1, 1e5)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for v, want := range map[float64]float64{0: 1, 0.7: 0.75, 1: 1, 1.3: 1.5, 2.2: 2.5, 37: 40, 51: 75, 76: 100} {
		if got := niceAbove(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("above %v: %v", v, got)
		}
	}
}
