package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/xbfd/xbfd/engine/session"
)

// seen is something that was measured: a word, or one or several numbers of
// which the least and the greatest count. Durations are nanoseconds.
type seen struct {
	word     string
	number   bool
	duration bool
	lo, hi   float64
}

func word(format string, args ...any) seen { return seen{word: fmt.Sprintf(format, args...)} }

func yesNo(b bool) seen {
	if b {
		return word("yes")
	}
	return word("no")
}

func count[T ~int | ~int32 | ~uint8 | ~uint16 | ~uint32 | ~uint64](n T) seen {
	return seen{number: true, lo: float64(n), hi: float64(n)}
}

func span(lo, hi session.Time) seen {
	return seen{number: true, duration: true, lo: float64(lo), hi: float64(hi)}
}

func interval(us uint32) seen { return nanoseconds(int64(us) * session.Microsecond) }

func nanoseconds(ns int64) seen { return span(session.Time(ns), session.Time(ns)) }

// String writes a value as a script would.
func (v seen) String() string {
	switch {
	case !v.number:
		return v.word
	case v.lo == v.hi:
		return v.text(v.lo, math.Round)
	}
	return v.text(v.lo, math.Floor) + ".." + v.text(v.hi, math.Ceil)
}

func (v seen) text(n float64, round func(float64) float64) string {
	if !v.duration || n == 0 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	for _, unit := range units {
		if math.Abs(n) >= unit.ns {
			return strconv.FormatFloat(round(n*1000/unit.ns)/1000, 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + "ns"
}

var units = []struct {
	name string
	ns   float64
}{{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}}

// meets tells whether v is what a script wants.
func (v seen) meets(want string) (bool, error) {
	from, to, isWindow := strings.Cut(want, "..")
	switch {
	case !v.number:
		return v.word == want, nil
	case !isWindow:
		to = from
	}
	lo, err := parseNumber(from, v.duration)
	if err != nil {
		return false, err
	}
	hi := math.Inf(1)
	if to != "" {
		if hi, err = parseNumber(to, v.duration); err != nil {
			return false, err
		}
	}
	return v.lo >= lo && v.hi <= hi, nil
}

func parseNumber(s string, duration bool) (float64, error) {
	if duration {
		d, err := parseDuration(s)
		return float64(d), err
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// parseDuration reads a duration with its unit; 0 needs none.
func parseDuration(s string) (session.Time, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	return session.Time(d), nil
}

// microseconds reads a duration as packets carry it.
func microseconds(s string) (uint32, error) {
	d, err := parseDuration(s)
	us := int64(d) / session.Microsecond
	if err == nil && (us < 0 || us > math.MaxUint32) {
		err = fmt.Errorf("%q does not fit a packet", s)
	}
	return uint32(us), err
}

// onOff reads a switch.
func onOff(s string) (bool, error) {
	switch s {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", s)
}

// integer reads a number of up to so many bits, decimal or 0x.
func integer(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of %d bits", s, bits)
	}
	return n, nil
}
