package packaging

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// nobody is a user without a name, home or file of its own.
const nobody = "64990"

// patience bounds what a busy machine may take.
const patience = 20 * time.Second

// service is a daemon started as the unit says: as a user, with its capabilities
// and no others to be had.
type service struct {
	*client.Client
	cmd  *netns.Cmd
	told *net.UnixConn // what systemd would be told
}

// setting returns what the unit has for a key.
func setting(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(root + unit)
	must(t, err)
	for l := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(l), key+"="); found {
			return value
		}
	}
	t.Fatalf("the unit has no %s", key)
	return ""
}

// capabilities writes a list of the unit's as setpriv has it.
func capabilities(t *testing.T, key string) string {
	list := "-all"
	for _, name := range strings.Fields(setting(t, key)) {
		list += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
	}
	return list
}

// start runs the daemon in a namespace, in a directory that is its own.
func start(t *testing.T, ns *testnet.NS, text string) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "xbfd-service-") // unlike t.TempDir, for others too
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o777))
	file, socket, notify := filepath.Join(dir, "xbfd.yaml"), filepath.Join(dir, "xbfd.sock"), filepath.Join(dir, "notify")
	must(t, os.WriteFile(file, []byte(text), 0o644))
	s := &service{Client: client.New(socket)}
	t.Cleanup(s.Close)
	s.told, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: notify})
	must(t, err)
	t.Cleanup(func() { s.told.Close() })
	must(t, os.Chmod(notify, 0o777))
	s.cmd = ns.Command(context.Background(), "setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups", "--no-new-privs",
		"--inh-caps", capabilities(t, "AmbientCapabilities"), "--ambient-caps", capabilities(t, "AmbientCapabilities"),
		"--bounding-set", capabilities(t, "CapabilityBoundingSet"),
		root+binary, "run", "-c", file, "--control", socket)
	s.cmd.Env = []string{"NOTIFY_SOCKET=" + notify, "WATCHDOG_USEC=300000"}
	var log strings.Builder
	s.cmd.Stderr = &log
	must(t, s.cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		for range 2 { // the second one makes it leave at once
			_ = s.cmd.Process.Signal(syscall.SIGTERM)
		}
		select {
		case <-exited:
		case <-time.After(patience):
			_ = s.cmd.Process.Kill()
			t.Error("the daemon does not end")
			<-exited
		}
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", log.String())
		}
	})
	return s
}

// hears waits for a message to systemd that begins with text, through those that
// only say that it is alive.
func (s *service) hears(t *testing.T, text string) string {
	t.Helper()
	must(t, s.told.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 256)
	for {
		n, err := s.told.Read(b)
		if err != nil {
			t.Fatalf("waits for %s: %v", text, err)
		}
		if got := string(b[:n]); strings.HasPrefix(got, text) {
			return got
		} else if got != "WATCHDOG=1" {
			t.Fatalf("%q where %s was due", got, text)
		}
	}
}

// TestService: the capabilities of the unit are enough for sessions over native
// XDP between users that are not root, real-time workers included, and systemd is
// told what it wants to know.
func TestService(t *testing.T) {
	t.Parallel()
	a, b := testnet.NewNS(t, "service-a"), testnet.NewNS(t, "service-b")
	testnet.Veth(t, a, "eth0", b, "eth0")
	a.AddAddr(t, "eth0", "192.0.2.1/24")
	b.AddAddr(t, "eth0", "192.0.2.2/24")
	config := func(peer string) string {
		return fmt.Sprintf("workers: {scheduling: fifo, priority: 10}\nshutdown-hold: 300ms\npeers: [{peer: %s, detect-multiplier: 10}]\n", peer)
	}
	s, other := start(t, a, config("192.0.2.2")), start(t, b, config("192.0.2.1"))
	s.hears(t, "READY=1")
	other.hears(t, "READY=1")
	var last client.Session
	testnet.Eventually(t, patience, "the session is up, and heard by XDP", func() bool {
		list, err := s.Sessions(t.Context(), client.Filter{})
		must(t, err)
		if len(list) == 1 {
			last = list[0]
		}
		return last.State == "up" && last.FastPath.Heard == "active"
	})
	if f := last.FastPath; last.Transport != "xdp-native" || f.Transmit != "xdp" || f.Insurance != "on" {
		t.Errorf("%s (%s), %+v", last.Transport, last.TransportReason, f)
	}
	s.hears(t, "WATCHDOG=1")
	must(t, s.cmd.Process.Signal(syscall.SIGHUP))
	if text := s.hears(t, "RELOADING=1"); !strings.Contains(text, "\nMONOTONIC_USEC=") {
		t.Errorf("reload: %q", text)
	}
	s.hears(t, "READY=1")
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.hears(t, "STOPPING=1")
}
