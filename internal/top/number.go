package top

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// rate returns events a second in at most five characters.
func rate(perSecond float64) string {
	switch {
	case perSecond < 0.05:
		return "0"
	case perSecond < 9.95:
		return fmt.Sprintf("%.1f", perSecond)
	case perSecond < 9999.5:
		return fmt.Sprintf("%.0f", perSecond)
	case perSecond < 999_950:
		return fmt.Sprintf("%.1fk", perSecond/1e3)
	}
	return fmt.Sprintf("%.1fM", perSecond/1e6)
}

// span returns microseconds in at most seven characters.
func span(us int64) string {
	unit, size := "us", 1.0
	switch a := math.Abs(float64(us)); {
	case a >= 999_500:
		unit, size = "s", 1e6
	case a >= 1000:
		unit, size = "ms", 1e3
	}
	v := float64(us) / size
	if unit != "us" && math.Abs(v) < 99.95 {
		return fmt.Sprintf("%.1f%s", v, unit)
	}
	return fmt.Sprintf("%.0f%s", v, unit)
}

// age returns a span of time in its two largest units.
func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

func size(bytes uint64) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// bars are the eighths of a sparkline.
var bars = []rune("▁▂▃▄▅▆▇█")

// unknown is a sample that there is none of.
const unknown = -1

// sparkline draws the last n shares of 1, the newest at the right. What is below
// 0 stands as a cross, what is unknown as a space.
func sparkline(shares []float32, n int) string {
	shares = shares[max(0, len(shares)-n):]
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", n-len(shares)))
	for _, v := range shares {
		switch {
		case v == unknown:
			b.WriteByte(' ')
		case v < 0:
			b.WriteByte('x')
		default:
			b.WriteRune(bars[min(int(v*float32(len(bars))), len(bars)-1)])
		}
	}
	return b.String()
}
