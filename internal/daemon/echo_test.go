package daemon

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestEchoLive: Echo is turned on while the session runs, comes back through the
// peer, follows the echo source, and ends without a flap. The peer sends none.
func TestEchoLive(t *testing.T) {
	t.Parallel()
	a, b := twoOver(t, "xdp", "", "")
	waitUp(t, a, b)
	ready := b.sees("the peer offers to loop", func(s control.Session) bool { return s.Echo.Loop.State == "ready" })
	if ready.Echo.Loop.Offered != 50_000 || ready.Echo.Mode != "off" || ready.Echo.Reason != "" {
		t.Errorf("at the peer: %+v", ready.Echo)
	}

	// Without a source nothing is sent, and one within the subnet is none.
	s := a.set(control.SessionChange{Echo: ptr(true), EchoTx: ptr(uint32(20_000))})
	if s.Echo.Mode != "no-source" || !strings.HasPrefix(s.Echo.Reason, "not sent: no echo-source is configured") {
		t.Errorf("without a source: %+v", s.Echo)
	}
	source := func(text string) {
		t.Helper()
		e := control.EchoSource{Addresses: []netip.Addr{netip.MustParseAddr(text)}}
		if _, err := a.SetEchoSource(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	source("192.0.2.99")
	a.sees("the source is refused", func(s control.Session) bool {
		return strings.Contains(s.Echo.Reason, "echo source 192.0.2.99 is within 192.0.2.0/24")
	})
	source("10.10.10.2")
	s = a.sees("echo is active", func(s control.Session) bool { return s.Echo.Mode == "active" && s.Echo.RTT.Count > 3 })
	if e := s.Echo; e.Interval != 50_000 || e.DetectionTime != uint64(detection.Microseconds()) || e.Source.String() != "10.10.10.2" || e.TxInterval != 20_000 ||
		e.RTT.Min <= 0 || e.RTT.Min > e.RTT.Avg || e.RTT.Avg > e.RTT.Max || len(e.RTT.Histogram) == 0 || e.Returned > e.Sent {
		t.Errorf("%+v", e)
	}
	if s.Counters.EchoTx < s.Counters.EchoRx || s.Counters.EchoRx == 0 {
		t.Errorf("%+v", s.Counters)
	}
	b.sees("the peer counts what it loops", func(s control.Session) bool { return s.Counters.EchoLooped > 3 })
	a.sees("Control packets are slow", func(s control.Session) bool {
		return s.Poll == "none" && s.DetectionTime > 10*uint64(detection.Microseconds())
	})

	if err := a.DeleteEchoSource(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.sees("echo ends with its source", func(s control.Session) bool { return s.Echo.Mode == "no-source" && s.Echo.Interval == 0 })
	a.sees("Control packets are fast again", func(s control.Session) bool { return s.DetectionTime == uint64(detection.Microseconds()) })

	// The file's source comes into force only where the file changes it.
	source("10.10.10.3")
	if _, err := a.reload(", echo-mode: true\necho-source: {address: 10.10.10.2}\n"); err != nil {
		t.Fatal(err)
	}
	a.sees("the file's source is used", func(s control.Session) bool { return s.Echo.Mode == "active" && s.Echo.Source.String() == "10.10.10.2" })
	source("10.10.10.3")
	if _, err := a.reload(", echo-mode: true, dscp: 46\necho-source: {address: 10.10.10.2}\n"); err != nil {
		t.Fatal(err)
	}
	a.sees("the API's source stays", func(s control.Session) bool { return s.DSCP == 46 && s.Echo.Source.String() == "10.10.10.3" })

	// The peer takes its offer back.
	b.set(control.SessionChange{EchoRx: ptr(uint32(0))})
	s = a.sees("echo is unwanted", func(s control.Session) bool { return s.Echo.Mode == "unwanted" })
	if s.Echo.Reason != "not sent: the peer's Required Min Echo RX is 0" || s.RemoteRequiredMinEchoRx != 0 {
		t.Errorf("%+v", s.Echo)
	}
	if s := b.session(); s.Echo.Reason != "not looped: echo-receive-interval is disabled" || s.Echo.Loop.Offered != 0 {
		t.Errorf("at the peer: %+v", s.Echo)
	}
	for _, e := range []*end{a, b} {
		if s := e.session(); s.State != "up" || s.Counters.Down != 0 {
			t.Errorf("%s, %+v\n%s", s.State, s.Counters, &e.log)
		}
	}
}

// TestEchoOverSockets: without rings neither direction runs, and both say why.
func TestEchoOverSockets(t *testing.T) {
	t.Parallel()
	a, b := two(t, ", echo-mode: true\necho-source: {address: 10.10.10.2}\n", "")
	waitUp(t, a, b)
	s := a.sees("echo is unwanted", func(s control.Session) bool { return s.Echo.Mode == "unwanted" })
	if !strings.Contains(s.Echo.Reason, "; not looped: transport udp cannot") || s.Echo.Sent != 0 || s.Echo.Loop.Offered != 0 {
		t.Errorf("%+v", s.Echo)
	}
	if e, err := a.EchoSource(t.Context()); err != nil || len(e.Addresses) != 1 {
		t.Errorf("the file's source: %+v, %v", e, err)
	}
}

const withEcho = ", echo-mode: true\necho-source: {address: 10.10.10.2}\n"

// TestEchoFailure: a path that is cut takes the session down by its lost Echo,
// long before the slowed Control packets would.
func TestEchoFailure(t *testing.T) {
	t.Parallel()
	left, right, bridge := testnet.NewNS(t, "a"), testnet.NewNS(t, "b"), testnet.NewBridge(t)
	bridge.Join(t, left, "eth0")
	bridge.Join(t, right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	a := startEnd(t, left, "xdp", "192.0.2.1", "192.0.2.2", ", detect-multiplier: 40"+withEcho)
	b := startEnd(t, right, "xdp", "192.0.2.2", "192.0.2.1", ", detect-multiplier: 40")
	waitUp(t, a, b)
	a.sees("echo is active", func(s control.Session) bool {
		return s.Echo.Mode == "active" && s.Poll == "none" && s.DetectionTime >= 40_000_000
	})
	bridge.Cut(t, left, "eth0")
	cut := time.Now()
	s := a.sees("the session is down", func(s control.Session) bool { return s.State == "down" })
	if took := s.LastChange.At.Sub(cut); took < 38*interval || took > 20*time.Second {
		t.Errorf("noticed after %v, want the 2 s of the echoes", took)
	}
	if s.Diagnostic != "echo-failed" || s.LastChange.Cause != "echo-failed" {
		t.Errorf("%+v", s)
	}
	testnet.Eventually(t, 5*time.Second, "the log says so", func() bool {
		text := a.log.String()
		return strings.Contains(text, "diag=echo-failed cause=echo-failed last-return=") && strings.Contains(text, "detection-time=2s")
	})
	rows.CoversOn(t, rows.Wire, "5880-6.8.5-01")
}

// TestUnaffiliatedLive: a peer that only forwards is watched by its forwarding.
func TestUnaffiliatedLive(t *testing.T) {
	t.Parallel()
	left, right := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, left, "eth0", right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	right.Sysctl(t, "net/ipv4/ip_forward", "1")
	right.Sysctl(t, "net/ipv4/conf/all/rp_filter", "0")
	right.Sysctl(t, "net/ipv4/conf/eth0/rp_filter", "0")
	right.Sysctl(t, "net/ipv4/conf/all/send_redirects", "0")
	right.Sysctl(t, "net/ipv4/conf/eth0/send_redirects", "0")
	right.AddRoute(t, "eth0", "10.10.10.2/32", "192.0.2.1")
	a := startEnd(t, left, "xdp", "192.0.2.1", "192.0.2.2", ", detect-multiplier: 40, unaffiliated-echo: true\necho-source: {address: 10.10.10.2}\n")
	s := a.sees("the forwarder is up", func(s control.Session) bool { return s.State == "up" })
	if !s.Unaffiliated || s.Multihop || s.Echo.Mode != "off" || s.Echo.Reason != "" || s.RemoteDiscriminator != s.LocalDiscriminator {
		t.Errorf("%+v", s)
	}
	right.Sysctl(t, "net/ipv4/ip_forward", "0")
	stopped := time.Now()
	s = a.sees("it forwards no more", func(s control.Session) bool { return s.State == "down" })
	if took := s.LastChange.At.Sub(stopped); s.Diagnostic != "echo-failed" || took < 38*interval || took > 6*time.Second {
		t.Errorf("diagnostic %s after %v, want the 2 s of 40 packets", s.Diagnostic, took)
	}
	rows.CoversOn(t, rows.Wire, "9747-2-12")
}
