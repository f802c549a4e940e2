package bench

import (
	"strings"
	"testing"
	"time"
)

func options() Options {
	return Options{
		DUTs: []string{"xbfd"}, Sessions: []int{4}, Interval: 50 * time.Millisecond, Mult: 3,
		Hold: time.Second, Transmit: "auto", Trials: 1,
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string // how the error begins
	}{
		{"usual", func(*Options) {}, ""},
		{"every engine", func(o *Options) { o.DUTs = DUTs }, ""},
		{"no engine", func(o *Options) { o.DUTs = nil }, "--dut: name at least one"},
		{"unknown engine", func(o *Options) { o.DUTs = []string{"quagga"} }, `--dut: "quagga" is not one of`},
		{"no session", func(o *Options) { o.Sessions = nil }, "--sessions: give at least one"},
		{"too many sessions", func(o *Options) { o.Sessions = []int{1, maxSessions + 1} }, "--sessions: 65537 is not"},
		{"interval too short", func(o *Options) { o.Interval = time.Microsecond }, "--interval: 1µs is not"},
		{"interval not on the wire", func(o *Options) { o.Interval += 1 }, "--interval: 50.000001ms is not a whole"},
		{"multiplier 0", func(o *Options) { o.Mult = 0 }, "--mult: 0 is not"},
		{"no hold", func(o *Options) { o.Hold = 0 }, "--hold: 0s is not"},
		{"no trial", func(o *Options) { o.Trials = 0 }, "--trials: 0 is not"},
		{"live frames", func(o *Options) { o.Transmit = "live" }, ""},
		{"unknown transmit", func(o *Options) { o.Transmit = "radio" }, `--transmit: "radio" is not`},
		{"unknown scheduling", func(o *Options) { o.Scheduling = "idle" }, `--scheduling: "idle" is not`},
		{"adaptive", func(o *Options) { o.Wait = "adaptive" }, ""},
		{"unknown wait", func(o *Options) { o.Wait = "pray" }, `--wait: "pray" is not`},
		{"adaptive under fifo", func(o *Options) { o.Wait, o.Scheduling = "adaptive", "fifo" }, "--wait: adaptive does not"},
		{"routes", func(o *Options) { o.Routes, o.DUTs = []int{1, 100}, Routers }, ""},
		{"no routes", func(o *Options) { o.Routes = []int{0} }, "--routes: 0 is not"},
		{"an engine without routes", func(o *Options) { o.Routes, o.DUTs = []int{1}, []string{"sockets"} }, `--dut: "sockets" is not one of [xbfd xbfd-group`},
		{"rungs", func(o *Options) { o.Rungs = RungNames() }, ""},
		{"unknown rung", func(o *Options) { o.Rungs = []string{"L9"} }, `--rungs: "L9" is not`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			c.change(&o)
			got := ""
			if err := o.Check(); err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("error %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhoRunsAtRealTimePriority(t *testing.T) {
	o := options()
	if o.fifo("xbfd") || !o.fifo("sockets") {
		t.Error("without a word only the sockets do")
	}
	o.Scheduling = "normal"
	if o.fifo("sockets") {
		t.Error("told not to, the sockets do")
	}
	o.Scheduling = "fifo"
	if !o.fifo("frr") {
		t.Error("told to, FRR does not")
	}
}
