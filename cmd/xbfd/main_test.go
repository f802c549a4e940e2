package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/daemon"
	"github.com/xbfd/xbfd/internal/demo"
)

var update = flag.Bool("update", false, "write golden files")

// testdata is found also by a test that is somewhere else.
var testdata, _ = filepath.Abs("testdata")

// result is what a command did.
type result struct {
	out, err string
	status   int
}

// xbfd runs one command in this process, as e says, with what a shell would
// make of line; a word in quotes may be empty.
func xbfd(e env, line string) result {
	var out, errs bytes.Buffer
	e.stdout, e.stderr, e.version = &out, &errs, "v0.1.0"
	for _, word := range strings.Fields(line) {
		e.args = append(e.args, strings.Trim(word, `"`))
	}
	status := e.main(context.Background())
	return result{out.String(), errs.String(), status}
}

// transcript runs commands against a daemon and returns what a terminal shows.
func transcript(t *testing.T, b control.Backend, lines ...string) string {
	t.Helper()
	socket := controltest.Serve(t, b)
	var text strings.Builder
	for _, line := range lines {
		r := xbfd(env{}, "--control "+socket+" "+line)
		fmt.Fprintf(&text, "$ xbfd %s\n%s%s", line, r.out, r.err)
		if r.status != exitDone {
			fmt.Fprintf(&text, "[status %d]\n", r.status)
		}
		text.WriteByte('\n')
	}
	return strings.ReplaceAll(text.String(), socket, "/run/xbfd.sock")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(testdata, name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func backend() *controltest.Backend {
	waiting := controltest.Up(13, "fe80::1", "fe80::9", "eth1")
	waiting.State, waiting.Diagnostic, waiting.Path = "down", "control-expiry", "interface eth1 does not exist"
	waiting.NegotiatedTx, waiting.DetectionTime, waiting.Transport, waiting.TransportReason, waiting.Stamp = 1_000_000, 0, "", "", ""
	waiting.RemoteState, waiting.RemoteDiscriminator, waiting.RemoteDetectMult, waiting.RemoteDesiredMinTx = "down", 0, 0, 0
	waiting.LastChange = nil
	return controltest.New(
		controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0"),
		controltest.Up(12, "2001:db8::1", "2001:db8::9", "eth0"),
		waiting,
		controltest.Up(14, "fe80::1", "fe80::9", "eth0"),
	)
}

func TestSessions(t *testing.T) {
	golden(t, "sessions", transcript(t, backend(),
		"sessions",
		"sessions -o wide",
		"sessions --state down -o json",
		"sessions --interface eth0 --local 2001:db8::9 --peer 2001:db8::1 -o yaml",
		"sessions --state init",
		"sessions --state init -o json",
		"sessions --state UP",
		"sessions --peer router",
		"sessions -o xml",
		"sessions 192.0.2.1",
	))
}

func TestSession(t *testing.T) {
	golden(t, "session", transcript(t, backend(),
		"session show 192.0.2.1",
		"session show 13",
		"session show fe80::1 --interface eth0 -o json",
		"session show --peer-addr fe80::1%eth0 --local fe80::9 -o yaml",
		"session show fe80::1",
		"session show 99",
		"session show first",
		"session show",
		"session show 11 --peer 192.0.2.1",
		"session show 11 12",
		"session",
		"session shw 11",
	))
}

func TestChanges(t *testing.T) {
	golden(t, "changes", transcript(t, backend(),
		"session add --peer-addr 192.0.2.5 --local-addr 192.0.2.9 --interface eth0 --desired-min-tx 50000 --required-min-rx 50ms --detect-mult 5 --passive --dscp 0 --profile p",
		"session show 1001",
		"session add --peer 192.0.2.6 --shutdown -o json",
		"session add --peer-addr 192.0.2.5 --local-addr 192.0.2.9 --interface eth0",
		"session add",
		"session add --peer-addr fe80::5",
		"session add --peer-addr 192.0.2.7 --desired-min-tx 10",
		"session set 192.0.2.5 --desired-min-tx 3.3ms --passive=false",
		"session set 192.0.2.5 --detect-mult 0",
		"session set 192.0.2.5 --detect-mult 256",
		"session set 192.0.2.5 --passive=perhaps",
		"session set 192.0.2.5",
		"session set 192.0.2.5 --required-min-rx 0",
		"session down 192.0.2.5",
		"session up 192.0.2.5",
		"session up 192.0.2.5 -o yaml",
		"session del 192.0.2.5",
		"session del 192.0.2.5",
		"session del 192.0.2.1",
		"session down fe80::1",
	))
}

func TestFRR(t *testing.T) {
	b := backend()
	golden(t, "frr", transcript(t, b,
		"frr show bfd peers brief",
		"frr sh bfd vrf default peers br",
		"frr show bfd peer 192.0.2.1",
		"frr show bfd peer fe80::1 interface eth1 local-address fe80::9 json",
		"frr show bfd peer 192.0.2.1 counters json",
		"frr show bfd vrf red peers json",
		"frr show bfd distributed",
		"frr show bfd static route",
		"frr show bfd static route json",
		"frr show bfd peer 192.0.2.1 multihop",
		"frr show bfd vrf red peer router",
		"frr show bfd peer fe80::1",
		"frr clear bfd peers counters",
		"frr show bfd peer 192.0.2.1 counters",
		"frr clear bfd peer router counters",
		"frr show bfd pears",
		"frr show bfd peer",
		"frr",
	))
	socket := controltest.Serve(t, b)
	r := xbfd(env{args: []string{"frr", "--control", socket, "-c", "show bfd peers brief", "-c", "show bfd distributed"}}, "")
	if r.status != exitDone || !strings.HasPrefix(r.out, "Session count: 4\n") || !strings.Contains(r.out, "==========\n             File descriptor: 11\n") {
		t.Errorf("%+v", r)
	}
	if r := xbfd(env{}, `__complete frr show bfd ""`); !strings.HasPrefix(r.out, "peers\npeer\ndistributed\nstatic\nvrf\n") {
		t.Errorf("words: %+v", r)
	}
}

func TestStatus(t *testing.T) {
	b := backend()
	b.Report = control.ReloadReport{Added: 1, Removed: 2, Changed: 3, Unchanged: 4,
		Warnings: []string{"/etc/xbfd.yaml:3:5: peers[0]: is doubtful"}, RestartNeeded: []string{"workers", "log"}}
	golden(t, "status", transcript(t, b,
		"status", "status -o json", "status -o yaml", "reload", "reload -o json", "reload now"))
}

func TestDaemonRefuses(t *testing.T) {
	b := backend()
	b.Err = control.Errorf(control.CodeInvalid, "/etc/xbfd.yaml:1:1: unknown key \"a\"\n/etc/xbfd.yaml:2:1: unknown key \"b\"")
	golden(t, "refused", transcript(t, b, "reload", "status", "sessions"))
}

func TestNoDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	for _, line := range []string{
		"sessions", "status", "events", "reload", "session show 1", "session up 1", "session down 1", "session del 1",
		"session set 1 --detect-mult 3", "session add --peer-addr 192.0.2.1",
		"session auth deactivate 1", "session auth activate 1 --conf-key-id 1", "key list", "key del 1",
		"counters", "counters --clear", "session clear 1", "profile list", "sessions --brief",
		"config show", "debug peer on",
		"session poll 1", "session diag 1 none", "echo-source show", "echo-source del", "echo-source set --interface lo",
		"frr show bfd peers", "frr clear bfd peers counters",
	} {
		r := xbfd(env{}, line+" --control "+socket)
		want := "xbfd: no daemon answers on " + socket + ": start one with \"xbfd run\", or name its socket with --control\n"
		if r.status != exitNoDaemon || r.err != want || r.out != "" {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

func TestOffline(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.yaml", "profiles: {fast: {transmit-interval: 10ms}}\npeers:\n  - {peer: 192.0.2.1, profile: fast}\n")
	write("doubtful.yaml", "peers:\n  - peer: 192.0.2.1\n    profile: slow\n")
	write("bad.yaml", "peers:\n  - peer: 192.0.2.1\n    transmit-interval: 50us\n")
	t.Chdir(dir)
	var text strings.Builder
	for _, line := range []string{
		"config check good.yaml", "config check doubtful.yaml", "config check bad.yaml", "config check none.yaml",
		"config check", "config", "config chek good.yaml", "--version", "run -c bad.yaml", "run -c none.yaml",
	} {
		r := xbfd(env{}, line)
		fmt.Fprintf(&text, "$ xbfd %s\n%s%s[status %d]\n\n", line, r.out, r.err, r.status)
	}
	golden(t, "offline", strings.ReplaceAll(text.String(), dir, "/etc"))
}

func TestVersion(t *testing.T) {
	if r := xbfd(env{}, "version"); r.status != exitDone || !strings.HasPrefix(r.out, "xbfd v0.1.0") || !strings.Contains(r.out, " go1.") {
		t.Errorf("%+v", r)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := xbfd(env{}, "completion "+shell); r.status != exitDone || len(r.out) < 1000 {
			t.Errorf("%s: status %d, %d bytes", shell, r.status, len(r.out))
		}
	}
	if r := xbfd(env{}, `__complete sessions --state ""`); !strings.Contains(r.out, "admin-down\ndown\ninit\nup\n") {
		t.Errorf("states: %+v", r)
	}
}

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

func TestWrongUsage(t *testing.T) {
	for _, line := range []string{"", "sesions", "nothing-like-it", "--nope", "status now", "reload now", "config", "config check", "version x"} {
		if r := xbfd(env{}, line); r.status != exitUsage || r.out != "" {
			t.Errorf("%q: %+v", line, r)
		}
	}
	for _, line := range []string{"--help", "help", "help session", "session --help", "session set --help"} {
		if r := xbfd(env{}, line); r.status != exitDone || r.err != "" || !strings.Contains(r.out, "Usage:") {
			t.Errorf("%q: %+v", line, r)
		}
	}
}

func TestAgo(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0s", 59.9: "59s", 60: "1m00s", 3599: "59m59s", 3600: "1h00m", 86399: "23h59m", 90000: "1d01h"} {
		if got := ago(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
}

func TestCounted(t *testing.T) {
	if got := counted(map[string]uint64{"ttl": 2, "short": 1, "zero_mult": 0}) + "; " + counted(nil); got != "short 1, ttl 2; none" {
		t.Errorf("got %q", got)
	}
}
