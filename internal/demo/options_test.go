package demo

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

func options() Options {
	return Options{Sessions: 10, Interval: 10 * time.Millisecond, Mult: 3, Hold: 200 * time.Millisecond, Transport: "xdp"}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"usual", func(*Options) {}, ""},
		{"fewest and shortest", func(o *Options) { *o = Options{Sessions: 1, Interval: minInterval, Mult: 1} }, ""},
		{"most and longest", func(o *Options) {
			*o = Options{Sessions: maxSessions, Interval: maxInterval, Mult: 255, Hold: maxHold}
		}, ""},
		{"no session", func(o *Options) { o.Sessions = 0 }, "--sessions: 0 is not 1 to 16384"},
		{"too many sessions", func(o *Options) { o.Sessions = 16385 }, "--sessions: 16385 is not 1 to 16384"},
		{"interval too short", func(o *Options) { o.Interval = 99 * time.Microsecond }, "--interval: 99µs is not 100µs to 1m0s"},
		{"interval too long", func(o *Options) { o.Interval = 61 * time.Second }, "--interval: 1m1s is not 100µs to 1m0s"},
		{"interval not on the wire", func(o *Options) { o.Interval = 1000001 }, "--interval: 1.000001ms is not a whole number of microseconds"},
		{"multiplier 0", func(o *Options) { o.Mult = 0 }, "--mult: 0 is not 1 to 255"},
		{"multiplier 256", func(o *Options) { o.Mult = 256 }, "--mult: 256 is not 1 to 255"},
		{"hold back", func(o *Options) { o.Hold = -1 }, "--hold: -1ns is not 0 to 10m0s"},
		{"hold for ever", func(o *Options) { o.Hold = 11 * time.Minute }, "--hold: 11m0s is not 0 to 10m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			c.change(&o)
			got := ""
			if err := o.Check(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("error %q, want %q", got, c.want)
			}
		})
	}
}

// Options that cannot be meant build nothing.
func TestRunChecks(t *testing.T) {
	testnet.NoLeaks(t)
	err := Run(context.Background(), Options{}, io.Discard)
	if err == nil || err.Error() != "--sessions: 0 is not 1 to 16384" {
		t.Errorf("error %v", err)
	}
}
