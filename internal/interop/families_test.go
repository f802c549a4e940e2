package interop

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// noIPv6 is a kernel that was started with ipv6.disable=1, or built without.
var noIPv6 = lack{name: "no IPv6", nr: unix.SYS_SOCKET, family: unix.AF_INET6, errno: unix.EAFNOSUPPORT}

// A kernel without IPv6 is one on which all else works, over AF_XDP and sockets, one
// hop and more; nothing is amiss to tell of.
func TestWithoutIPv6(t *testing.T) {
	t.Parallel()
	testnet.Require(t, runtime.GOARCH != "s390x", "the filter is for little-endian machines")
	for _, transport := range []string{"auto", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			config := func(local, peer *host) string {
				return fmt.Sprintf("transport: %s\nmetrics: {listen: \"127.0.0.1:9273\"}\npeers:\n"+
					"  - {peer: %v, interface: %s, transmit-interval: 100, receive-interval: 100}\n"+
					"  - {peer: %v, local-address: %v, multihop: true, transmit-interval: 100, receive-interval: 100}\n",
					transport, peer.v4, local.ifname, peer.v4, local.v4)
			}
			d := launchLacking(t, a, noIPv6, config(a, b))
			d.started(t)
			twin := start(t, b, config(b, a))
			d.waitUp(t)
			twin.waitUp(t)
			st := d.status(t)
			if i := st.Interfaces[0]; i.UDP != "open" || (i.Transport == "udp") != (transport == "udp") || len(d.log.lines("address family not supported")) > 0 {
				t.Errorf("interface %+v\n%s", i, d.log)
			}
			for _, s := range d.sessions(t) {
				if strings.Contains(s.TransportReason, "UDP port") || strings.Contains(s.TransportReason, "family") {
					t.Errorf("session with %v: %s", s.Peer, s.TransportReason)
				}
			}
			// The other family's sessions wait, and say what for.
			r := d.ctl(t, "session", "add", "--peer-addr", "fe80::9", "--interface", a.ifname)
			if r.code != 0 {
				t.Errorf("add: status %d: %s", r.code, r.stderr)
			}
		})
	}
}

// A host that has no IPv4 address, not even 127.0.0.1, lacks nothing: peers of all
// kinds, the metrics' address, the control socket, and a reload.
func TestIPv6Only(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"auto", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			a, b := newHost(t, "a"), newHost(t, "b")
			testnet.Veth(t, a.NS, a.ifname, b.NS, b.ifname)
			for _, h := range []*host{a, b} {
				_ = h.NS.NS.DelAddr("lo", netip.MustParsePrefix("127.0.0.1/8")) // which may not be there
				h.AddAddr(t, h.ifname, h.v6.String()+"/64")
				h.AddAddr(t, h.ifname, h.ll.String()+"/64")
			}
			config := func(local, peer *host, mult int) string {
				fast := fmt.Sprintf("transmit-interval: 100, receive-interval: 100, detect-multiplier: %d", mult)
				return fmt.Sprintf("transport: %s\nmetrics: {listen: \"[::1]:9273\"}\npeers:\n"+
					"  - {peer: %v, interface: %s, %s}\n"+
					"  - {peer: %v, local-address: %v, %s}\n"+
					"  - {peer: %v, local-address: %v, multihop: true, %s}\n",
					transport, peer.ll, local.ifname, fast, peer.v6, local.v6, fast, peer.v6, local.v6, fast)
			}
			d, twin := start(t, a, config(a, b, mult)), start(t, b, config(b, a, mult))
			d.waitUp(t)
			twin.waitUp(t)
			if i := d.status(t).Interfaces[0]; i.UDP != "open" || (i.Transport == "udp") != (transport == "udp") {
				t.Errorf("interface %+v", i)
			}
			if r := d.ctl(t, "doctor", "-c", d.file); strings.Contains(r.stdout, "fail") {
				t.Errorf("the doctor says\n%s", r.stdout)
			}
			must(t, d.reload(t, config(a, b, mult+5)))
			if s := d.session(t, b.ll); s.DetectMult != mult+5 || s.State != "up" {
				t.Errorf("after a reload: %s, multiplier %d", s.State, s.DetectMult)
			}
			twin.signal(t, syscall.SIGKILL)
			twin.ended = true
			eventually(t, patience, "all sessions down", func() bool {
				return !slices.ContainsFunc(d.sessions(t), func(s control.Session) bool { return s.State != "down" })
			})
		})
	}
}

// Two daemons in two namespaces have the same addresses, interfaces and peers, and
// know nothing of each other; one place holds the journals of both.
func TestTwoNamespaces(t *testing.T) {
	t.Parallel()
	const interval = 100 * time.Millisecond
	a, b := newLink(t)
	c, e := newLink(t)
	first, second := start(t, a, oneSession(b, interval, "")), start(t, c, oneSession(e, interval, ""))
	far, away := start(t, b, oneSession(a, interval, "")), start(t, e, oneSession(c, interval, ""))
	for _, d := range []*daemon{first, second, far, away} {
		d.waitUp(t)
	}
	if one, other := first.session(t, b.v4), second.session(t, e.v4); one.RemoteDiscriminator == other.RemoteDiscriminator ||
		one.RemoteDiscriminator != far.session(t, a.v4).LocalDiscriminator || other.RemoteDiscriminator != away.session(t, c.v4).LocalDiscriminator {
		t.Errorf("remote discriminators %d and %d", one.RemoteDiscriminator, other.RemoteDiscriminator)
	}
	far.signal(t, syscall.SIGKILL)
	far.ended = true
	first.waitState(t, b.v4, "down")
	// One that starts clears away what the dead have left, in its own namespace.
	again := start(t, b, oneSession(a, interval, ""))
	again.waitUp(t)
	first.waitUp(t)
	for d, peer := range map[*daemon]netip.Addr{second: e.v4, away: c.v4} {
		if s := d.session(t, peer); s.State != "up" || s.Counters.Down != 0 {
			t.Errorf("%s, %d times down", s.State, s.Counters.Down)
		}
	}
	rows.Covers(t, "5880-6.3-06")
}
