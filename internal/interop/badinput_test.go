package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// TestBadConfiguration starts xbfd with files that cannot be meant: it says
// which line and which key, and ends before it has touched anything.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	a, _ := newLink(t)
	for _, c := range []struct{ name, config, says string }{
		{"unknown key", "peer: 192.0.2.2\n", `xbfd.yaml:1:1: .*peer`},
		{"unknown key of a peer", "peers:\n  - {peer: 192.0.2.2, detect-mult: 3}\n", `xbfd.yaml:2:\d+: peers\[0\].*detect-mult`},
		{"multiplier 0", "peers:\n  - {peer: 192.0.2.2, detect-multiplier: 0}\n", `:2:\d+: peers\[0\].detect-multiplier: `},
		{"multiplier 256", "peers:\n  - {peer: 192.0.2.2, detect-multiplier: 256}\n", `:2:\d+: peers\[0\].detect-multiplier: `},
		{"interval 0", "peers:\n  - {peer: 192.0.2.2, transmit-interval: 0}\n", `:2:\d+: peers\[0\].transmit-interval: `},
		{"interval of words", "peers:\n  - {peer: 192.0.2.2, receive-interval: fast}\n", `:2:\d+: peers\[0\].receive-interval: `},
		{"duplicate peer", "peers:\n  - {peer: 192.0.2.2}\n  - {peer: 192.0.2.2}\n", `:3:\d+: .*192.0.2.2 stands on line 2`},
		{"wrong family", "peers:\n  - {peer: 192.0.2.2, local-address: \"2001:db8::1\"}\n", `:2:\d+: peers\[0\].local-address: .*IPv6`},
		{"link-local without interface", "peers:\n  - {peer: \"fe80::2\"}\n", `:2:\d+: peers\[0\].interface: `},
		{"no YAML", "peers: [\n", `xbfd.yaml:\d+:\d+: `},
	} {
		d := launch(t, a, c.config)
		d.refused(t, c.says)
	}
	r := xbfd(t, a, "run", "-c", "/nowhere/xbfd.yaml")
	if r.code != 1 || !regexp.MustCompile(`^xbfd: .*/nowhere/xbfd.yaml`).MatchString(r.stderr) {
		t.Errorf("missing file: status %d, %s", r.code, r.stderr)
	}
	for _, args := range [][]string{{"run"}, {"run", a.v4.String()}, {"run", "-c", "x", "--tx-interval", "3ms"}, {"walk"}} {
		if r := xbfd(t, a, args...); r.code != 2 || r.stderr == "" {
			t.Errorf("%q: status %d, %s", args, r.code, r.stderr)
		}
	}
}

// TestSameSessionTwice names one session in two ways that only the network
// shows to be one.
func TestSameSessionTwice(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	d := launch(t, a, fmt.Sprintf("peers:\n  - {peer: %s}\n  - {peer: %[1]s, interface: a}\n", b.v4))
	d.refused(t, `^xbfd: peer 192.0.2.2: .*another session has this interface and these addresses`)
}

// TestControlSocketInUse starts a second xbfd on the first one's socket.
func TestControlSocketInUse(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
	r := xbfd(t, a, "run", "-c", d.file, "--control", d.control)
	want := regexp.MustCompile(fmt.Sprintf(`^xbfd: control socket %s: in use by another xbfd \(process %d\)`, d.control, d.cmd.Process.Pid))
	if r.code != 1 || !want.MatchString(r.stderr) {
		t.Errorf("status %d, %s", r.code, r.stderr)
	}
	if s := d.session(t, b.v4); s.Transport != "xdp-native" {
		t.Errorf("the first one's session %+v", s)
	}
}

// TestNoPermission runs xbfd as a user who may nothing: the message names the
// capability.
func TestNoPermission(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	// The test's own directory cannot be entered by others.
	dir, err := os.MkdirTemp("", "xbfd-user-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o777))
	file := filepath.Join(dir, "xbfd.yaml")
	for _, transport := range []string{"auto", "xdp", "udp"} {
		must(t, os.WriteFile(file, []byte("transport: "+transport+"\n"+oneSession(b, 100*time.Millisecond, "")), 0o644))
		c := a.Command(t.Context(), xbfdPath, "run", "-c", file, "--control", filepath.Join(dir, "sock"))
		c.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		c.Dir = dir
		r := finish(t, c)
		if r.code != 1 || !regexp.MustCompile(`(?m)^xbfd: .*CAP_NET_RAW`).MatchString(r.stderr) {
			t.Errorf("transport %s: status %d, %s", transport, r.code, r.stderr)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// TestRunWithoutFile is `xbfd run LOCAL PEER`.
func TestRunWithoutFile(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	start(t, b, pair(b, a))
	d := launchArgs(t, a, a.v4.String(), b.v4.String(), "--interface", a.ifname, "--tx-interval", "50", "--rx-interval", "50ms", "--detect-mult", "10")
	d.started(t)
	s := d.waitState(t, b.v4, "up")
	if s.DesiredMinTx != 50_000 || s.RequiredMinRx != 50_000 || s.DetectMult != 10 || s.Transport != "xdp-native" {
		t.Errorf("session %+v", s)
	}
	d.signal(t, syscall.SIGHUP)
	eventually(t, patience, "the reload is refused", func() bool { return len(d.log.lines("level=ERROR .*without one")) > 0 })
	if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("after SIGHUP: %+v", s)
	}
}
