package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/daemon"
	"github.com/xbfd/xbfd/internal/demo"
)

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("control: /from/file\npeers: [{peer: 192.0.2.1, detect-multiplier: 7}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no permission")
	tests := []struct {
		line    string
		answer  error
		status  int
		peer    string // as a Peer is written below
		control string
		reloads bool
	}{
		{"run -c " + file, nil, exitDone, "- 192.0.2.1 - 300ms 300ms 7", "/from/file", true},
		{"run -c " + file + " --control /b --log-level debug --transport udp", nil, exitDone, "- 192.0.2.1 - 300ms 300ms 7", "/b", true},
		{"run -c " + file, failed, exitFailed, "- 192.0.2.1 - 300ms 300ms 7", "/from/file", true},
		{"run 192.0.2.2 192.0.2.1", nil, exitDone, "192.0.2.2 192.0.2.1 - 300ms 300ms 3", config.DefaultControlPath, false},
		{"run fe80::2 fe80::1 --interface eth0 --tx-interval 15 --rx-interval 3.3ms --detect-mult 1 --control /c", nil, exitDone,
			"fe80::2 fe80::1 eth0 15ms 3.3ms 1", "/c", false},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			var cfg config.Config
			var o daemon.Options
			r := xbfd(env{run: func(_ context.Context, c config.Config, given daemon.Options) error {
				cfg, o = c, given
				return tt.answer
			}}, tt.line)
			if r.status != tt.status || len(cfg.Peers) != 1 {
				t.Fatalf("%+v, config %+v", r, cfg)
			}
			p := cfg.Peers[0]
			got := fmt.Sprintf("%s %s %s %s %s %d", address(p.Local), p.Peer, dash(p.Interface),
				interval(p.DesiredMinTx), interval(p.RequiredMinRx), p.DetectMult)
			if got != tt.peer || cfg.Control.Path != tt.control {
				t.Errorf("peer %s, control %s", got, cfg.Control.Path)
			}
			if o.Version != "v0.1.0" || o.LogTo == nil || o.Signals == nil || (o.Load != nil) != tt.reloads {
				t.Errorf("options %+v", o)
			}
			if o.Load != nil {
				again, err := o.Load()
				if diff := cmp.Diff(cfg.Control, again.Control); err != nil || diff != "" {
					t.Errorf("read again: %v\n%s", err, diff)
				}
			}
			if tt.answer != nil && r.err != "xbfd: no permission\n" {
				t.Errorf("stderr %q", r.err)
			}
		})
	}
}

func TestRunUsage(t *testing.T) {
	for line, want := range map[string]string{
		"run":                                          "give -c FILE, or LOCAL PEER",
		"run 192.0.2.1":                                "give -c FILE, or LOCAL PEER",
		"run 192.0.2.1 192.0.2.2 192.0.2.3":            "give -c FILE, or LOCAL PEER",
		"run -c x.yaml 192.0.2.1 192.0.2.2":            "not both",
		"run -c x.yaml --tx-interval 10ms":             "--tx-interval goes with LOCAL PEER: write it into x.yaml",
		"run -c x.yaml --log-level loud":               "want one of debug, info, warn, error",
		"run -c x.yaml --transport dpdk":               "want one of auto, xdp, xdp-generic, udp",
		"run 192.0.2.1 2001:db8::1":                    "give a local address of the peer's family",
		"run 192.0.2.1 192.0.2.1":                      "is the peer's address too",
		"run fe80::1 fe80::2":                          "is missing: fe80::2 is link-local",
		"run 192.0.2.1 192.0.2.2 --tx-interval 10us":   "set 100us or more",
		"run 192.0.2.1 192.0.2.2 --rx-interval 0":      "set 1us or more",
		"run 192.0.2.1 192.0.2.2 --rx-interval 5m":     "the units are us, ms and s",
		"run 192.0.2.1 192.0.2.2 --detect-mult 0":      "want a whole number from 1 to 255",
		"run 192.0.2.1 192.0.2.2 --detect-mult 256":    "want a whole number from 1 to 255",
		"run 192.0.2.1 192.0.2.2 --interface eth0/1":   "cannot be the name of an interface",
		"run 192.0.2.1 192.0.2.2 --tx-interval 72m":    "the units are us, ms and s",
		"run 192.0.2.1 192.0.2.2 --tx-interval 4295s":  "71 minutes",
		"run 192.0.2.1 192.0.2.2 --desired-min-tx 1ms": "unknown flag",
	} {
		r := xbfd(env{}, line) // a nil run must not be reached
		if r.status != exitUsage || !strings.Contains(r.err, want) || !strings.HasSuffix(r.err, "See xbfd run --help.\n") {
			t.Errorf("%s: %+v, want …%s…", line, r, want)
		}
	}
}

func TestDemo(t *testing.T) {
	tests := []struct {
		line string
		want demo.Options
	}{
		{"demo", demo.Options{Sessions: 100, Interval: 10 * time.Millisecond, Mult: 3, Hold: 3 * time.Second, Transport: "auto"}},
		{"demo --sessions 1000 --interval 3.3ms --mult 255 --hold 500 --ipv6 --json --transport xdp-generic",
			demo.Options{Sessions: 1000, Interval: 3300 * time.Microsecond, Mult: 255, Hold: 500 * time.Millisecond, IPv6: true, JSON: true, Transport: "xdp-generic"}},
	}
	for _, tt := range tests {
		var got demo.Options
		r := xbfd(env{demo: func(_ context.Context, o demo.Options, out io.Writer) error {
			got = o
			_, err := io.WriteString(out, "report\n")
			return err
		}}, tt.line)
		if diff := cmp.Diff(tt.want, got); diff != "" || r.status != exitDone || r.out != "report\n" {
			t.Errorf("%s: %+v (-want +got):\n%s", tt.line, r, diff)
		}
	}
	r := xbfd(env{demo: func(context.Context, demo.Options, io.Writer) error { return errors.New("2 false Downs") }}, "demo")
	if r.status != exitFailed || r.err != "xbfd: 2 false Downs\n" {
		t.Errorf("a demonstration that fails: %+v", r)
	}
	for line, want := range map[string]string{
		"demo --sessions 0":      "--sessions: 0 is not 1 to 16384",
		"demo --sessions 16385":  "--sessions: 16385 is not 1 to 16384",
		"demo --sessions many":   "invalid argument",
		"demo --interval 99us":   "--interval: 99µs is not 100µs to 1m0s",
		"demo --interval 61s":    "--interval: 1m1s is not 100µs to 1m0s",
		"demo --mult 0":          "want a whole number from 1 to 255",
		"demo --hold 11h":        "--hold: \"11h\" is not a duration",
		"demo --hold 601s":       "--hold: 10m1s is not 0 to 10m0s",
		"demo --transport dpdk":  "want one of auto, xdp, xdp-generic, udp",
		"demo now":               "unknown command \"now\" for \"xbfd demo\"",
		"demo --interval 10ms x": "unknown command",
	} {
		r := xbfd(env{}, line)
		if r.status != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("%s: %+v, want …%s…", line, r, want)
		}
	}
}
