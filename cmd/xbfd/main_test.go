package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
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
		Warnings: []string{"/etc/xbfd/xbfd.yaml:3:5: peers[0]: is doubtful"}, RestartNeeded: []string{"workers", "log"}}
	golden(t, "status", transcript(t, b,
		"status", "status -o json", "status -o yaml",
		"interface", "interface eth0 --transport udp", "interface -o wide", "interface eth0 -o json", "status",
		"interface eth0 --transport xdp-generic", "interface eth1 --transport udp", "interface eth1", "interface --transport udp",
		"interface eth0 --transport dpdk", "interface eth0 eth1", "reload", "reload -o json", "reload now"))
}

func TestRoutes(t *testing.T) {
	golden(t, "routes", transcript(t, backend(), "routes", "routes -o wide", "routes -o json", "routes 192.0.2.1", "routes -o xml"))
}

func TestDaemonRefuses(t *testing.T) {
	b := backend()
	b.Err = control.Errorf(control.CodeInvalid, "/etc/xbfd/xbfd.yaml:1:1: unknown key \"a\"\n/etc/xbfd/xbfd.yaml:2:1: unknown key \"b\"")
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
		"interface", "interface eth0 --transport udp", "routes",
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
	write("all.yaml", "routes:\n  - {prefix: 0.0.0.0/0, via: [192.0.2.1]}\n  - {prefix: 198.51.100.0/24, nexthop-group: 1}\n"+
		"nexthop-groups: [{id: 1, via: [{gateway: 192.0.2.1, interface: eth0}]}]\n"+
		"addresses:\n  - {address: 192.0.2.53/32, peers: [192.0.2.1]}\n  - {address: 192.0.2.54/32, peers: [192.0.2.1]}\n"+
		"hooks: [{on: [up], url: http://localhost/}]\ndplane: [{connect: unix:/run/bfdd.sock}]\nkeys: [{id: 1, type: simple-password, secret: a}]\n")
	write("doubtful.yaml", "peers:\n  - peer: 192.0.2.1\n    profile: slow\n")
	write("bad.yaml", "peers:\n  - peer: 192.0.2.1\n    transmit-interval: 50us\n")
	t.Chdir(dir)
	var text strings.Builder
	for _, line := range []string{
		"config check good.yaml", "config check all.yaml", "config check doubtful.yaml", "config check bad.yaml", "config check none.yaml",
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
