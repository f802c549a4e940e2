package interop

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// Addresses that echoes come from: in no subnet of any link.
const echoSources = "echo-source: {address: [10.10.10.1, \"2001:db8:10::1\"]}\n"

var echoSource4, echoSource6 = netip.MustParseAddr("10.10.10.1"), netip.MustParseAddr("2001:db8:10::1")

// forward makes a host a router that sends even such packets on as come from an
// address to which it has no route, or makes it none any more.
func (h *host) forward(t testing.TB, on bool) {
	t.Helper()
	value := map[bool]string{true: "1", false: "0"}[on]
	h.Sysctl(t, "net/ipv4/ip_forward", value)
	h.Sysctl(t, "net/ipv6/conf/all/forwarding", value)
	h.filter(t, false)
}

// filter makes a host drop what comes from an address to which it has no route
// through the same interface (RFC 3704), or take it.
func (h *host) filter(t testing.TB, on bool) {
	t.Helper()
	value := map[bool]string{true: "1", false: "0"}[on]
	h.Sysctl(t, "net/ipv4/conf/all/rp_filter", value)
	h.Sysctl(t, "net/ipv4/conf/"+h.ifname+"/rp_filter", value)
}

// family is one of the two, with what a test needs of it.
type family struct {
	name   string
	source netip.Addr // of echoes
	of     func(h *host) netip.Addr
}

var families = []family{
	{"IPv4", echoSource4, func(h *host) netip.Addr { return h.v4 }},
	{"IPv6", echoSource6, func(h *host) netip.Addr { return h.v6 }},
}

// waitEcho waits until the echo of the session with a peer is in a mode.
func (d *daemon) waitEcho(t testing.TB, peer netip.Addr, mode string) (s control.Session) {
	t.Helper()
	eventually(t, patience, "echo of the session with "+peer.String()+" is "+mode, func() bool {
		s = d.session(t, peer)
		return s.Echo.Mode == mode
	})
	return s
}

// waitReturns waits until n more of our echoes have come back.
func (d *daemon) waitReturns(t testing.TB, peer netip.Addr, n uint64) (s control.Session) {
	t.Helper()
	from := d.session(t, peer).Echo.Returned
	eventually(t, patience, "echoes come back", func() bool {
		s = d.session(t, peer)
		return s.Echo.Returned >= from+n
	})
	return s
}

// steady fails the test unless a session stays up, and has never failed, for a
// while.
func (d *daemon) steady(t testing.TB, peer netip.Addr, while time.Duration) control.Session {
	t.Helper()
	time.Sleep(while)
	s := d.session(t, peer)
	if s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("session with %v is %s after %+v, last change %+v", peer, s.State, s.Counters, s.LastChange)
	}
	return s
}

// ctl runs a command against the daemon, as an operator would.
func (d *daemon) ctl(t testing.TB, args ...string) result {
	t.Helper()
	return xbfd(t, d.host, append(args, "--control", d.control)...)
}

// do is ctl for what must succeed; it returns what was printed.
func (d *daemon) do(t testing.TB, args ...string) string {
	t.Helper()
	r := d.ctl(t, args...)
	if r.code != 0 {
		t.Fatalf("xbfd %q: status %d: %s", args, r.code, r.stderr)
	}
	return r.stdout
}
