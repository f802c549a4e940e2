package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

const frrDir = "/usr/lib/frr"

// frr is FRR's bfdd with a state directory of its own, and zebra beside it when
// a session names its interface.
type frr struct {
	*process
	host *host
	dir  string
	s    speech
	log  *journal

	dplane bool // bfdd has a data plane run its sessions
}

func startFRR(t testing.TB, h *host, s speech) *frr {
	t.Helper()
	_, err := os.Stat(filepath.Join(frrDir, "bfdd"))
	testnet.Require(t, err == nil, "needs FRR's bfdd (Debian package frr)")
	f := &frr{host: h, s: s, log: newJournal(t, "bfdd")}
	if f.needsZebra() {
		f.prepare(t, "zebra", "bfdd")
	} else {
		f.prepare(t, "bfdd")
	}
	return f
}

// prepare makes the directory and starts programs, bfdd the last of them.
func (f *frr) prepare(t testing.TB, programs ...string) {
	t.Helper()
	var err error
	// The test's own directory cannot be entered by the user that bfdd becomes.
	f.dir, err = os.MkdirTemp("", "xbfd-frr-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(f.dir)) })
	must(t, os.WriteFile(f.path("bfdd.conf"), []byte(f.config()), 0o644))
	files := []string{"", "bfdd.conf"}
	for _, p := range programs {
		if p != "bfdd" {
			must(t, os.WriteFile(f.path(p+".conf"), nil, 0o644))
			files = append(files, p+".conf")
		}
	}
	f.giveAway(t, files)
	for _, p := range programs {
		switch p {
		case "bfdd":
			f.revive(t)
		case "zebra":
			f.run(t, p, "-r")
			f.waitFor(t, "zserv.api")
		default:
			f.run(t, p)
			f.waitFor(t, p+".vty")
		}
	}
}

func (f *frr) path(name string) string { return filepath.Join(f.dir, name) }

// giveAway makes the directory the frr user's.
func (f *frr) giveAway(t testing.TB, files []string) {
	t.Helper()
	u, err := user.Lookup("frr")
	must(t, err)
	uid, err := strconv.Atoi(u.Uid)
	must(t, err)
	gid, err := strconv.Atoi(u.Gid)
	must(t, err)
	for _, name := range files {
		must(t, os.Chown(f.path(name), uid, gid))
	}
}

func (f *frr) run(t testing.TB, program string, args ...string) *process {
	t.Helper()
	common := []string{
		"-u", "frr", "-g", "frr", "--vty_socket", f.dir, "-z", f.path("zserv.api"),
		"-i", f.path(program + ".pid"), "-f", f.path(program + ".conf"), "-A", "127.0.0.1", "-P", "0",
		"--limit-fds", "4096", "--log", "stdout", "--log-level", "debugging",
	}
	return spawn(t, f.host.NS, f.log, filepath.Join(frrDir, program), append(common, args...)...)
}

func (f *frr) revive(t testing.TB) {
	t.Helper()
	_ = os.Remove(f.path("bfdd.vty"))
	_ = os.Remove(f.path("bfdd.sock"))
	args := []string{"--bfdctl", f.path("bfdd.sock")}
	if f.s.atOnce {
		args = append(args, "--tcli")
	}
	if f.dplane {
		args = append(args, "--dplaneaddr", f.planeAddress())
	}
	f.process = f.run(t, "bfdd", args...)
	f.waitFor(t, "bfdd.vty")
}

// planeAddress is where bfdd listens for its data plane.
func (f *frr) planeAddress() string { return "unix:" + f.path("dplane.sock") }

// save makes bfdd find what it runs when it starts again.
func (f *frr) save(t testing.TB) {
	t.Helper()
	must(t, os.WriteFile(f.path("bfdd.conf"), []byte(f.config()), 0o644))
}

func (f *frr) waitFor(t testing.TB, file string) {
	t.Helper()
	eventually(t, patience, file+" is there", func() bool {
		_, err := os.Stat(f.path(file))
		return err == nil
	})
}

func (f *frr) needsZebra() bool {
	for _, p := range f.s.sessions {
		if p.ifname != "" {
			return true
		}
	}
	return false
}

func (f *frr) config() string {
	var b strings.Builder
	fmt.Fprint(&b, "debug bfd peer\nbfd\n profile test\n")
	fmt.Fprintf(&b, "  detect-multiplier %d\n  transmit-interval %s\n  receive-interval %[2]s\n",
		f.s.mult, milliseconds(f.s.interval))
	if f.s.passive {
		fmt.Fprint(&b, "  passive-mode\n")
	}
	fmt.Fprint(&b, " exit\n")
	for _, p := range f.s.sessions {
		fmt.Fprintf(&b, " %s\n  profile test\n exit\n", p.frr())
	}
	fmt.Fprint(&b, "exit\n")
	return b.String()
}

func (p pairing) frr() string {
	if p.multihop {
		return fmt.Sprintf("peer %s multihop local-address %s", p.peer, p.local)
	}
	line := fmt.Sprintf("peer %s local-address %s", p.peer, p.local)
	if p.ifname != "" {
		line += " interface " + p.ifname
	}
	return line
}

// vtysh runs commands as an operator would.
func (f *frr) vtysh(t testing.TB, commands ...string) string {
	t.Helper()
	args := []string{"--vty_socket", f.dir, "-d", "bfdd"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out, err := exec.Command("vtysh", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("vtysh %q: %v\n%s", commands, err, out)
	}
	return string(out)
}

// configure runs commands in the context of one session.
func (f *frr) configure(t testing.TB, p pairing, commands ...string) {
	t.Helper()
	f.vtysh(t, append([]string{"configure terminal", "bfd", p.frr()}, commands...)...)
}

func (f *frr) retime(t testing.TB, interval time.Duration) {
	t.Helper()
	ms := milliseconds(interval)
	f.vtysh(t, "configure terminal", "bfd", "profile test", "transmit-interval "+ms, "receive-interval "+ms)
}

// frrPeer is what bfdd shows of a session. Intervals are milliseconds.
type frrPeer struct {
	Peer             netip.Addr `json:"peer"`
	Local            netip.Addr `json:"local"`
	Status           string     `json:"status"`
	Diagnostic       string     `json:"diagnostic"`
	RemoteDiagnostic string     `json:"remote-diagnostic"`
	Tx               int        `json:"transmit-interval"`
	Rx               int        `json:"receive-interval"`
	RemoteTx         int        `json:"remote-transmit-interval"`
	RemoteRx         int        `json:"remote-receive-interval"`
	RemoteMult       int        `json:"remote-detect-multiplier"`
	SessionDown      int        `json:"session-down"` // of the counters
}

func (f *frr) peers(t testing.TB) []frrPeer {
	t.Helper()
	list := f.show(t, "show bfd peers json")
	counters := f.show(t, "show bfd peers counters json")
	for i := range list {
		for _, c := range counters {
			if c.Peer == list[i].Peer && c.Local == list[i].Local {
				list[i].SessionDown = c.SessionDown
			}
		}
	}
	return list
}

func (f *frr) show(t testing.TB, command string) (list []frrPeer) {
	t.Helper()
	out := f.vtysh(t, command)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return list
}

func (f *frr) views(t testing.TB) map[netip.Addr]view {
	t.Helper()
	m := make(map[netip.Addr]view)
	for _, p := range f.peers(t) {
		m[p.Peer] = view{
			up:       p.Status == "up",
			tx:       time.Duration(max(p.Tx, p.RemoteRx)) * time.Millisecond,
			detect:   time.Duration(p.RemoteMult*max(p.Rx, p.RemoteTx)) * time.Millisecond,
			failures: p.SessionDown,
		}
	}
	return m
}
