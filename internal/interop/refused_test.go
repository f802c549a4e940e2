package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
)

// TestKindsRefused asks for what does not go together, in the file and by the
// command line: both say what is wrong and what to do, and nothing starts.
func TestKindsRefused(t *testing.T) {
	t.Parallel()
	a, _ := newLink(t)
	d := start(t, a, "shutdown-hold: 500ms\n")
	const local = "local-address: 192.0.2.1, multihop: true"
	for _, c := range []struct {
		name, peer, args, at, says string
		rows                       []string
	}{
		{"echo over several hops", local + ", echo-mode: true", "--local-addr 192.0.2.1 --multihop --echo-mode",
			"echo-mode", "an echo crosses one hop only (RFC 5883 §3): remove the key, or multihop", []string{"5883-3-01"}},
		{"a TTL for one hop", "minimum-ttl: 254", "--minimum-ttl 254",
			"minimum-ttl", "is for multihop: a packet that has come one hop has TTL 255 and no other", nil},
		{"echo in Demand mode", "demand-mode: true, echo-mode: true", "--demand-mode --echo-mode",
			"echo-mode", "does not go with demand-mode: keep the one that is to watch the path", nil},
		{"a strict interface for several hops", local + ", strict-interface: true", "--local-addr 192.0.2.1 --multihop --strict-interface",
			"strict-interface", "the packets of a multihop session may come by any interface", nil},
		{"several hops without our address", "multihop: true", "--multihop",
			"local-address", "a multihop session is told from others by both addresses", nil},
		{"unaffiliated echo without a source", "unaffiliated-echo: true", "", // a live one waits for its source
			"unaffiliated-echo", "echo packets need a source address of their own", nil},
		{"unaffiliated echo over several hops", local + ", unaffiliated-echo: true", "--local-addr 192.0.2.1 --multihop --unaffiliated-echo",
			"unaffiliated-echo", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "xbfd.yaml")
			must(t, os.WriteFile(file, fmt.Appendf(nil, "peers: [{peer: 192.0.2.9, %s}]\n", c.peer), 0o644))
			for _, args := range [][]string{{"config", "check", file}, {"run", "-c", file, "--control", file + ".sock"}} {
				r := xbfd(t, a, args...)
				text := r.stdout + r.stderr
				if r.code != 1 || !strings.Contains(text, "xbfd.yaml:1:") || !strings.Contains(text, "peers[0]."+c.at+": ") || !strings.Contains(text, c.says) {
					t.Errorf("%s: status %d\n%s", args[0], r.code, text)
				}
			}
			if c.args == "" {
				return
			}
			r := d.ctl(t, append([]string{"session", "add", "--peer-addr", "192.0.2.9"}, strings.Fields(c.args)...)...)
			if r.code != 1 || !strings.Contains(r.stderr, c.says) {
				t.Errorf("add: status %d: %s", r.code, r.stderr)
			}
			if len(c.rows) != 0 {
				rows.Covers(t, c.rows...)
			}
		})
	}
	if list := d.sessions(t); len(list) != 0 {
		t.Errorf("sessions %+v", list)
	}
}

// TestUnaffiliatedWaits adds such a session before there is a source: it waits,
// says for what, and starts with it.
func TestUnaffiliatedWaits(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	b.forward(t, true)
	d := start(t, a, "shutdown-hold: 500ms\n")
	d.do(t, "session", "add", "--peer-addr", b.v4.String(), "--unaffiliated-echo", "--desired-min-tx", "50ms", "--detect-mult", "10")
	waits := func() bool { return d.session(t, b.v4).Path == "no echo-source is configured" }
	eventually(t, patience, "the session says what it waits for", waits)
	d.do(t, "echo-source", "set", "--address", echoSource4.String())
	d.waitState(t, b.v4, "up")
	d.do(t, "echo-source", "del")
	d.waitState(t, b.v4, "down")
	eventually(t, patience, "it waits again", waits)
}

// TestCapacity gives a worker more than it may be given: the session is refused
// with the figures, those that run are not disturbed, and it starts when there is
// room. An interval below the daemon's own is slowed to it, not refused.
func TestCapacity(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	b.AddAddr(t, b.ifname, "192.0.2.7/24")
	start(t, b, fmt.Sprintf("transport: udp\nprofiles: {p: {transmit-interval: 20ms, receive-interval: 20ms, detect-multiplier: %d}}\n"+
		"peers:\n  - {peer: %s, local-address: %s, profile: p}\n  - {peer: %[2]s, local-address: 192.0.2.7, profile: p}\n", 25, a.v4, b.v4))
	head := "shutdown-hold: 500ms\nworkers: {capacity: 100, minimum-interval: 20ms}\n" +
		"profiles: {p: {echo-receive-interval: disabled, detect-multiplier: 25}}\npeers:\n"
	first := fmt.Sprintf("  - {peer: %s, profile: p, transmit-interval: 50ms, receive-interval: 50ms}\n", b.v4)
	fast := "  - {peer: 192.0.2.7, profile: p, transmit-interval: 1ms, receive-interval: 1ms}\n"
	d := start(t, a, head+first+fast)
	d.waitState(t, b.v4, "up")
	const why = "needs 100 packets/s, its worker serves 40 already and 100 at most"
	if out := d.do(t, "session", "show", "192.0.2.7"); !strings.Contains(out, why) {
		t.Errorf("session show:\n%s", out)
	}
	d.log.wrote(t, 1, `level=WARN msg="session waits for capacity" peer=192.0.2.7 .*`+why)
	r := d.ctl(t, "session", "add", "--peer-addr", "192.0.2.8", "--desired-min-tx", "20ms", "--required-min-rx", "20ms", "--echo-receive-interval", "disabled")
	if r.code != 1 || !strings.Contains(r.stderr, why) {
		t.Errorf("add: status %d: %s", r.code, r.stderr)
	}
	r = d.ctl(t, "session", "set", b.v4.String(), "--desired-min-tx", "10ms", "--required-min-rx", "10ms", "--echo-receive-interval", "20ms")
	if r.code != 1 || !strings.Contains(r.stderr, "packets/s") {
		t.Errorf("set: status %d: %s", r.code, r.stderr)
	}
	s := d.steady(t, b.v4, 500*time.Millisecond)
	if s.DesiredMinTx != 50_000 {
		t.Errorf("a refused change has changed %+v", s)
	}
	must(t, d.reload(t, head+fast))
	eventually(t, patience, "the other session starts", func() bool {
		s := d.sessions(t)
		return len(s) == 1 && s[0].State == "up"
	})
	if s := d.sessions(t)[0]; s.DesiredMinTx != 20_000 || s.RequiredMinRx != 20_000 {
		t.Errorf("session %+v", s)
	}
	rows.Covers(t, "5880-7-03", "7419-3-03")
}
