package interop

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// TestLeavesNothing ends xbfd in both ways there are and looks at what is left
// in the namespace.
func TestLeavesNothing(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	start(t, b, pair(b, a))
	d := start(t, a, pair(a, b))
	d.waitUp(t)
	if !a.hasXDP(t) || a.managed(t) != 3 {
		t.Errorf("while it runs: XDP %v, %d neighbours managed", a.hasXDP(t), a.managed(t))
	}
	if code := d.stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if a.hasXDP(t) || a.managed(t) != 0 {
		t.Errorf("after SIGTERM: XDP %v, %d neighbours managed", a.hasXDP(t), a.managed(t))
	}
	if _, err := os.Stat(d.control); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("control socket: %v", err)
	}

	// A crash leaves the socket's file, which the next start replaces.
	d = start(t, a, pair(a, b))
	d.waitUp(t)
	d.ended = true
	d.signal(t, syscall.SIGKILL)
	<-d.exited
	eventually(t, patience, "the XDP program goes with the process", func() bool { return !a.hasXDP(t) })
	again := launchFile(t, a, d.file, d.control)
	again.started(t)
	again.waitUp(t)
}

// TestSecondSignal does not wait for the peers to hear of it.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	start(t, b, pair(b, a))
	d := start(t, a, strings.Replace(pair(a, b), "shutdown-hold: 500ms", "shutdown-hold: 60s", 1))
	d.waitUp(t)
	d.signal(t, syscall.SIGTERM)
	eventually(t, patience, "xbfd is leaving", func() bool { return len(d.log.lines("msg=\"stopping")) > 0 })
	select {
	case <-d.exited:
		t.Error("xbfd did not stay to tell its peers")
	case <-time.After(500 * time.Millisecond):
	}
	if code := d.stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if n := len(d.log.lines("level=WARN .*before every peer was told.* sessions=3")); n != 1 || a.hasXDP(t) {
		t.Errorf("%d lines about it, XDP %v", n, a.hasXDP(t))
	}
}

// hasXDP tells whether the host's interface has an XDP program.
func (h *host) hasXDP(t testing.TB) (attached bool) {
	t.Helper()
	must(t, h.Do(func() error {
		l, err := netlink.LinkByName(h.ifname)
		if err == nil && l.Attrs().Xdp != nil {
			attached = l.Attrs().Xdp.Attached
		}
		return err
	}))
	return attached
}

// managed counts the neighbours that the kernel was asked to keep resolved.
func (h *host) managed(t testing.TB) (n int) {
	t.Helper()
	for _, e := range h.Neighs(t, h.ifname) {
		if e.FlagsExt&netlink.NTF_EXT_MANAGED != 0 {
			n++
		}
	}
	return n
}
