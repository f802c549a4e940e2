package bench

import (
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// Distribution is a distribution of times in microseconds.
type Distribution struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func distributionOf(h *hdrhistogram.Histogram) Distribution {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) }
	return Distribution{h.TotalCount(), at(50), at(90), at(99), at(99.9), float64(h.Max())}
}

func (d Distribution) String() string {
	return "p50 " + short(d.P50) + ", p90 " + short(d.P90) + ", p99 " + short(d.P99) + ", p99.9 " + short(d.P999) + ", max " + short(d.Max)
}

// short is a time in microseconds for people.
func short(us float64) string {
	d := time.Duration(us * float64(time.Microsecond))
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// quantiles returns points of the distribution for a picture: the time, and the
// share in percent that took no longer.
func quantiles(h *hdrhistogram.Histogram) (points []point) {
	for _, b := range h.CumulativeDistributionWithTicks(10) {
		points = append(points, point{float64(b.ValueAt), b.Quantile})
	}
	return points
}

func us(ns int64) float64           { return float64(ns) / 1000 }
func ms(d time.Duration) float64    { return float64(d.Microseconds()) / 1000 }
func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return strings.TrimSpace(unix.ByteSliceToString(u.Release[:]))
}
