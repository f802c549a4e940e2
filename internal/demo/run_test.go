package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// needNothingLeft requires root, and fails the test if the demo leaves
// anything: the namespaces live as long as a descriptor of theirs or a thread
// inside, and everything else lives in them.
func needNothingLeft(t *testing.T) {
	t.Helper()
	testnet.RequireRoot(t)
	testnet.NoLeaks(t)
	home := namespaces(t)
	t.Cleanup(func() {
		if now := namespaces(t); now != home {
			t.Errorf("threads are in namespaces %s, were in %s", now, home)
		}
	})
}

// namespaces lists the network namespaces that this process's threads are in.
func namespaces(t *testing.T) string {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	in := make(map[string]bool)
	for _, task := range tasks {
		if ns, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net"); err == nil {
			in[ns] = true
		}
	}
	return fmt.Sprint(in)
}

// patient is a multiplier for a machine that runs other tests too.
const patient = 20

// A small demo keeps all of its promises, and says so to programs.
func TestRunJSON(t *testing.T) {
	for _, c := range []struct {
		transport, want string
		ipv6            bool
	}{
		{"xdp", "xdp-native", false},
		{"xdp", "xdp-native", true},
		{"xdp-generic", "xdp-generic", false},
		{"udp", "udp", false},
		{"udp", "udp", true},
	} {
		t.Run(c.transport+" "+family(c.ipv6), func(t *testing.T) {
			needNothingLeft(t)
			o := options()
			o.Transport, o.IPv6, o.JSON = c.transport, c.ipv6, true
			o.Interval, o.Mult = 100*time.Millisecond, patient
			var out bytes.Buffer
			if err := Run(context.Background(), o, &out); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			var r result
			dec := json.NewDecoder(&out)
			dec.DisallowUnknownFields()
			if err := dec.Decode(&r); err != nil {
				t.Fatal(err)
			}
			if _, err := dec.Token(); err != io.EOF {
				t.Errorf("more than one object: %v", err)
			}
			if r.Sessions != 10 || r.Up != 10 || r.Detected != 10 || r.FalseDowns != 0 {
				t.Errorf("promises: %+v", r)
			}
			if r.DetectionTime != patient*100_000 || r.Transport != c.want || r.TimeToUp <= 0 {
				t.Errorf("result %+v", r)
			}
			for name, s := range map[string]spread{"overshoot": r.Overshoot, "told": r.Told, "floor": r.Floor} {
				if s.P50 < 0 || s.P50 > s.P99 || s.P99 > s.Max || s.Max == 0 || s.Max > 1e7 {
					t.Errorf("%s %+v", name, s)
				}
			}
			if r.Told.P50 < r.Overshoot.P50 || r.Told.Max < r.Overshoot.Max {
				t.Errorf("told %+v before it was so %+v", r.Told, r.Overshoot)
			}
		})
	}
}

const report = `^10 sessions over IPv4, 100ms x 20
up         10/10 in \d+ ms
transport  xdp-native \(native XDP, copy mode: driver veth has no zero copy\)
held       200ms, 0 false Downs
cut        silently: both ends keep their carrier and are told nothing
detected   10/10 at both ends, promised 2000.0 ms after the last packet
overshoot  p50 \d+ µs, p99 \d+ µs, max \d+ µs
told       p50 \d+ µs, p99 \d+ µs, max \d+ µs, until a client of the engine knew
floor      p50 \d+ µs, p99 \d+ µs, max \d+ µs, by which this machine wakes a thread late
$`

func TestRunReport(t *testing.T) {
	needNothingLeft(t)
	o := options()
	o.Transport, o.Interval, o.Mult = "auto", 100*time.Millisecond, patient
	var out bytes.Buffer
	if err := Run(context.Background(), o, &out); err != nil {
		t.Error(err)
	}
	if !regexp.MustCompile(report).MatchString(out.String()) {
		t.Errorf("report:\n%s", out.String())
	}
}

// trigger is a report that calls do when a line begins with at.
type trigger struct {
	bytes.Buffer
	at string
	do func()
}

func (w *trigger) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), w.at) {
		w.do()
	}
	return w.Buffer.Write(b)
}

// Whenever it is interrupted, a demo ends soon, says why and leaves nothing.
func TestInterrupt(t *testing.T) {
	interrupt := errors.New("interrupt signal received")
	for _, c := range []struct{ name, at string }{
		{"while building", "10 sessions"},
		{"while holding", "transport"},
		{"after the cut", "cut"},
	} {
		t.Run(c.name, func(t *testing.T) {
			needNothingLeft(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			var at time.Time
			out := &trigger{at: c.at, do: func() {
				at = time.Now()
				cancel(interrupt)
			}}
			o := options()
			o.Interval, o.Mult = 200*time.Millisecond, 150 // it would take 30 s to notice
			if c.at != "cut" {
				o.Hold = time.Minute
			}
			err := Run(ctx, o, out)
			if !errors.Is(err, interrupt) || err.Error() != "ended early: interrupt signal received" {
				t.Errorf("error %v", err)
			}
			if took := time.Since(at); at.IsZero() || took > 15*time.Second {
				t.Errorf("took %v, report:\n%s", took, out.String())
			}
		})
	}
}

func TestExplain(t *testing.T) {
	denied := fmt.Errorf("make network namespace a: unshare: %w", fs.ErrPermission)
	want := denied.Error() + ": the demo needs root, in a container also the privileges of its host"
	if err := explain(context.Background(), denied); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := explain(ended, denied); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := explain(ended, nil); err != nil {
		t.Errorf("a demo that was done: %v", err)
	}
}
