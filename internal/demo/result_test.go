package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResultJSON(t *testing.T) {
	r := result{
		Sessions: 100, Up: 99, TimeToUp: 12.5, FalseDowns: 1, DetectionTime: 30000, Detected: 98,
		Overshoot: spread{1, 2, 3}, Told: spread{4, 5, 6}, Floor: spread{7, 8, 9}, Transport: "xdp-native",
	}
	want := `{"sessions":100,"up":99,"time_to_up_ms":12.5,"false_downs":1,"detection_time_us":30000,"detected":98,` +
		`"overshoot_us":{"p50":1,"p99":2,"max":3},"told_us":{"p50":4,"p99":5,"max":6},` +
		`"wakeup_floor_us":{"p50":7,"p99":8,"max":9},"transport":"xdp-native"}` + "\n"
	var out bytes.Buffer
	if err := r.writeJSON(&out); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name string
		r    result
		want string
	}{
		{"kept", result{Sessions: 9, Up: 9, Detected: 9}, ""},
		{"not up", result{Sessions: 9, Up: 8}, "only 8 of 9 sessions came up"},
		{"false Downs", result{Sessions: 9, Up: 9, Detected: 9, FalseDowns: 2}, "2 times a session went down while the path was fine"},
		{"false Downs of a machine that stood still", result{Sessions: 9, Up: 9, Detected: 9, FalseDowns: 2, stalled: 31e6},
			"2 times a session went down while the path was fine; this machine stood still for up to 31ms meanwhile"},
		{"not noticed", result{Sessions: 9, Up: 9, Detected: 7}, "only 7 of 9 sessions noticed the cut at both ends"},
		{"both", result{Sessions: 9, Up: 9, Detected: 7, FalseDowns: 2},
			"2 times a session went down while the path was fine\nonly 7 of 9 sessions noticed the cut at both ends"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := c.r.promises(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("error %q, want %q", got, c.want)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	hundred := make([]time.Duration, 101)
	for i := range hundred {
		hundred[(i*37)%101] = time.Duration(i) * time.Microsecond // in disorder
	}
	for _, c := range []struct {
		name string
		in   []time.Duration
		want spread
	}{
		{"none", nil, spread{}},
		{"one", []time.Duration{7900}, spread{7, 7, 7}},
		{"two", []time.Duration{9000, 1000}, spread{1, 1, 9}},
		{"0 to 100", hundred, spread{50, 99, 100}},
		{"early", []time.Duration{-5000, -5000, -5000}, spread{-5, -5, -5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, spreadOf(c.in)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Only a session that both ends saw go down has noticed the cut.
func TestDetections(t *testing.T) {
	var l lab
	l.ends[0] = &end{late: map[int]lateness{0: {1, 10}, 1: {2, 20}}}
	l.ends[1] = &end{late: map[int]lateness{1: {3, 30}, 2: {4, 40}}}
	want := detections{sessions: 1, declared: []time.Duration{2, 3}, told: []time.Duration{20, 30}}
	if d := cmp.Diff(want, l.detections(), cmp.AllowUnexported(detections{})); d != "" {
		t.Error(d)
	}
}
