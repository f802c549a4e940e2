package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// twin is a second xbfd as the peer of the first. It uses sockets, because a
// tap sees nothing of what AF_XDP sends and receives.
type twin struct {
	*daemon
	host *host
	s    speech
}

func startTwin(t testing.TB, h *host, s speech) *twin {
	t.Helper()
	w := &twin{host: h, s: s}
	w.revive(t)
	return w
}

func (w *twin) revive(t testing.TB) {
	t.Helper()
	w.daemon = start(t, w.host, w.config())
}

func (w *twin) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "transport: udp\nprofiles: {p: {transmit-interval: %v, receive-interval: %[1]v, detect-multiplier: %d, passive-mode: %v}}\npeers:\n",
		w.s.interval, w.s.mult, w.s.passive)
	for _, p := range w.s.sessions {
		if p.multihop {
			fmt.Fprintf(&b, "  - {peer: %q, local-address: %q, profile: p, multihop: true}\n", p.peer, p.local)
			continue
		}
		fmt.Fprintf(&b, "  - {peer: %q, local-address: %q, profile: p, interface: %s}\n", p.peer, p.local, w.host.ifname)
	}
	return b.String()
}

func (w *twin) retime(t testing.TB, interval time.Duration) {
	t.Helper()
	w.s.interval = interval
	must(t, w.reload(t, w.config()))
}

func (w *twin) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	w.daemon.signal(t, s)
}

func (w *twin) kill(t testing.TB) {
	t.Helper()
	w.ended = true
	w.daemon.signal(t, syscall.SIGKILL)
	<-w.exited
}

func (w *twin) views(t testing.TB) map[netip.Addr]view {
	t.Helper()
	m := make(map[netip.Addr]view)
	for _, s := range w.sessions(t) {
		m[s.Peer] = view{
			up: s.State == "up", failures: int(s.Counters.Down),
			tx: time.Duration(s.NegotiatedTx) * time.Microsecond, detect: time.Duration(s.DetectionTime) * time.Microsecond,
		}
	}
	return m
}
