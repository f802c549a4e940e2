package config

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseInterval(t *testing.T) {
	tests := []struct {
		text string
		bare uint64
		want uint32
	}{
		{"50ms", Milliseconds, 50_000},
		{"3.3ms", Milliseconds, 3300},
		{"100us", Milliseconds, 100},
		{"100µs", Milliseconds, 100},
		{"1s", Milliseconds, 1_000_000},
		{"1.000001s", Milliseconds, 1_000_001},
		{"300", Milliseconds, 300_000},
		{"300", Microseconds, 300},
		{"0", Milliseconds, 0},
		{"007ms", Milliseconds, 7000},
		{"1.500ms", Milliseconds, 1500},
		{"1.0us", Milliseconds, 1},
		{"4294967295us", Milliseconds, math.MaxUint32},
		{"4294.967295s", Milliseconds, math.MaxUint32},
	}
	for _, tt := range tests {
		got, err := ParseInterval(tt.text, tt.bare)
		if err != nil || got != tt.want {
			t.Errorf("%q: got %d, %v; want %d", tt.text, got, err, tt.want)
		}
	}
}

func TestParseIntervalRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "is not a duration",
		"ms":                     "is not a duration",
		"-1ms":                   "is not a duration",
		".5ms":                   "is not a duration",
		"5.ms":                   "is not a duration",
		"1.2.3ms":                "is not a duration",
		"5 ms":                   "the units are us, ms and s",
		"5m":                     "the units are us, ms and s",
		"5MS":                    "the units are us, ms and s",
		"1s500ms":                "the units are us, ms and s",
		"0x10":                   "the units are us, ms and s",
		"1e3":                    "the units are us, ms and s",
		"3.3":                    "write 3.3ms or 3.3s",
		"1.5us":                  "not a whole number of microseconds",
		"0.0001ms":               "not a whole number of microseconds",
		"4294967296us":           "too long",
		"4294968":                "too long",
		"99999999999999s":        "too long",
		"9999999999999999999999": "too long",
	} {
		got, err := ParseInterval(text, Milliseconds)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %d, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	if got, err := ParseDuration("1.5s", time.Minute); err != nil || got != 1500*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := ParseDuration("61s", time.Minute); err == nil || err.Error() != "61s is too long: at most 60s" {
		t.Errorf("got %v", err)
	}
}

func TestFormatInterval(t *testing.T) {
	for us, want := range map[uint64]string{
		0: "0us", 1: "1us", 999: "999us", 1000: "1ms", 3300: "3.3ms", 10_000: "10ms", 300_000: "300ms",
		1_000_000: "1s", 1_500_000: "1.5s", 1_000_001: "1.000001s", math.MaxUint32: "4294.967295s",
	} {
		if got := FormatInterval(us); got != want {
			t.Errorf("%d: got %q, want %q", us, got, want)
		}
	}
}
