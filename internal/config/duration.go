package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Microseconds in a unit, for the number without one: FRR's files count
// milliseconds, VPP's commands count microseconds.
const (
	Microseconds = 1
	Milliseconds = 1000
)

// units are tried in this order by FormatInterval.
var units = []struct {
	name     string
	micros   uint64
	decimals int // of a number in this unit that is whole in microseconds
}{{"s", 1e6, 6}, {"ms", 1000, 3}, {"us", 1, 0}, {"µs", 1, 0}, {"μs", 1, 0}}

// ParseInterval returns the microseconds of a text such as "50ms", "3.3ms",
// "100us", "1s" or, counted in units of bare microseconds, "300". An interval
// is whole in microseconds and fits the 32 bits it has on the wire.
func ParseInterval(text string, bare uint64) (uint32, error) {
	us, err := parseMicros(text, bare)
	if err != nil {
		return 0, err
	}
	if us > math.MaxUint32 {
		return 0, fmt.Errorf("%s is too long: the protocol's 32 bits of microseconds end at %dus, about 71 minutes",
			text, uint32(math.MaxUint32))
	}
	return uint32(us), nil
}

// ParseDuration is ParseInterval for a time that never goes on the wire: a bare
// number is milliseconds, and limit is the longest.
func ParseDuration(text string, limit time.Duration) (time.Duration, error) {
	us, err := parseMicros(text, Milliseconds)
	if err != nil {
		return 0, err
	}
	if us > uint64(limit.Microseconds()) {
		return 0, fmt.Errorf("%s is too long: at most %s", text, FormatInterval(uint64(limit.Microseconds())))
	}
	return time.Duration(us) * time.Microsecond, nil
}

// parseMicros works in integers throughout: 3.3ms is 3300us and nothing else.
func parseMicros(text string, bare uint64) (uint64, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(text)
	}
	number, unit := text[:end], text[end:]
	whole, fraction, dotted := strings.Cut(number, ".")
	if whole == "" || dotted && fraction == "" || strings.Contains(fraction, ".") {
		return 0, fmt.Errorf("%q is not a duration: write a number and us, ms or s, as in 50ms", text)
	}
	if unit == "" {
		if dotted {
			return 0, fmt.Errorf("%s has no unit: write %sms or %ss", text, text, text)
		}
		return scale(text, whole, "", bare, 0)
	}
	for _, u := range units {
		if u.name == unit {
			return scale(text, whole, fraction, u.micros, u.decimals)
		}
	}
	return 0, fmt.Errorf("%q is not a duration: the units are us, ms and s, as in 50ms", text)
}

// scale returns whole.fraction in units of micros. A fraction is taken only as
// far as it is whole in microseconds, which is that many decimals.
func scale(text, whole, fraction string, micros uint64, decimals int) (uint64, error) {
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > decimals {
		return 0, fmt.Errorf("%s is not a whole number of microseconds, which is the finest the protocol knows", text)
	}
	// Thirteen digits in seconds stay below 2^64 microseconds.
	if whole = strings.TrimLeft(whole, "0"); len(whole) > 13 {
		return 0, fmt.Errorf("%s is too long", text)
	}
	value, _ := strconv.ParseUint("0"+whole, 10, 64)
	fine, _ := strconv.ParseUint("0"+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	return value*micros + fine, nil
}

// FormatInterval returns us microseconds for people, exactly: "300ms", "3.3ms",
// "100us", "1.5s". ParseInterval reads it back.
func FormatInterval(us uint64) string {
	for _, u := range units[:2] {
		if us < u.micros {
			continue
		}
		text := strconv.FormatUint(us/u.micros, 10)
		if rest := us % u.micros; rest > 0 {
			text += "." + strings.TrimRight(fmt.Sprintf("%0*d", u.decimals, rest), "0")
		}
		return text + u.name
	}
	return strconv.FormatUint(us, 10) + "us"
}
