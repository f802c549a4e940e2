package daemon

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/packet"
)

// TestEchoReason: whatever keeps Echo from running is said, each direction for
// itself, and nothing of what runs or is not asked for.
func TestEchoReason(t *testing.T) {
	xdp := &speaker.Path{Transport: "xdp-native"}
	udp := &speaker.Path{Transport: "udp", TransportReason: "asked for"}
	refused := &speaker.Path{Transport: "xdp-native"}
	refused.EchoReason = "echo source 192.0.2.9 is within 192.0.2.0/24, a subnet of interface eth0"
	for _, tt := range []struct {
		kind session.Kind
		own  engine.EchoState
		loop engine.LoopState
		path *speaker.Path
		want string
	}{
		{0, engine.EchoOff, engine.LoopReady, xdp, ""},
		{0, engine.EchoActive, engine.LoopReady, xdp, ""},
		{0, engine.EchoNotUp, engine.LoopReady, xdp, "not sent: the session is not up"},
		{0, engine.EchoUnwanted, engine.LoopReady, xdp, "not sent: the peer's Required Min Echo RX is 0"},
		{0, engine.EchoNoSource, engine.LoopReady, xdp, "not sent: there is no echo source"},
		{0, engine.EchoNoSource, engine.LoopReady, refused, "not sent: " + refused.EchoReason},
		{0, engine.EchoNoPath, engine.LoopReady, xdp, "not sent: the peer's Ethernet address is not known"},
		{0, engine.EchoNoPath, engine.LoopReady, &speaker.Path{}, "not sent: there is no path"},
		{0, engine.EchoProbing, engine.LoopReady, xdp, "sent, but none has come back yet: their loss is no failure"},
		{0, engine.EchoNoPath, engine.LoopUnproven, udp, "not sent: transport udp cannot: asked for; not looped: transport udp cannot: asked for"},
		{0, engine.EchoOff, engine.LoopOff, xdp, "not looped: echo-receive-interval is disabled"},
		{0, engine.EchoOff, engine.LoopUnproven, xdp, "not looped: no session has proven since the interface was opened that frames come and go by its rings"},
		{session.Multihop, engine.EchoOff, engine.LoopOff, xdp, ""},
		{session.Unaffiliated, engine.EchoOff, engine.LoopOff, udp, ""},
	} {
		st := &engine.Status{Params: session.Params{Kind: tt.kind}, Echo: engine.EchoStatus{State: tt.own, Loop: tt.loop}}
		if got := echoReason(st, tt.path); got != tt.want {
			t.Errorf("kind %d, %v, %v by %q: %q, want %q", tt.kind, tt.own, tt.loop, tt.path.Transport, got, tt.want)
		}
	}
}

// TestWaitsForEcho: an unaffiliated session says what it cannot do without.
func TestWaitsForEcho(t *testing.T) {
	xdp, udp := &speaker.Path{Transport: "xdp-native"}, &speaker.Path{Transport: "udp", TransportReason: "asked for"}
	refused := &speaker.Path{Transport: "xdp-native"}
	refused.EchoReason = "echo source 192.0.2.9 is within 192.0.2.0/24, a subnet of interface eth0"
	source := packet.AddrFrom(netip.MustParseAddr("10.10.10.2"))
	for _, tt := range []struct {
		kind   session.Kind
		source packet.Addr
		path   *speaker.Path
		want   string
	}{
		{session.SingleHop, packet.Addr{}, udp, ""},
		{session.Multihop, packet.Addr{}, udp, ""},
		{session.Unaffiliated, packet.Addr{}, xdp, "there is no echo source"},
		{session.Unaffiliated, packet.Addr{}, refused, refused.EchoReason},
		{session.Unaffiliated, source, udp, "transport udp cannot: asked for"},
		{session.Unaffiliated, source, xdp, ""},
	} {
		st := &engine.Status{Params: session.Params{Kind: tt.kind}, Path: engine.Path{EchoSource: tt.source}}
		if got := waitsForEcho(st, tt.path); got != tt.want {
			t.Errorf("kind %d, source %v by %q: %q, want %q", tt.kind, tt.source, tt.path.Transport, got, tt.want)
		}
	}
}

func TestRoundTripTimes(t *testing.T) {
	r := session.RTT{Count: 3, Last: 21_504, Min: 15_250, Max: 2_000_000_000, Sum: 2_000_036_754}
	r.Buckets[0], r.Buckets[1], r.Buckets[len(r.Buckets)-1] = 1, 1, 1
	first, second := 16.384, 32.768
	want := control.RTT{Count: 3, Last: 21.504, Min: 15.25, Avg: 666_678.918, Max: 2_000_000,
		Histogram: []control.Bucket{{LE: &first, Count: 1}, {LE: &second, Count: 1}, {Count: 1}}}
	if diff := cmp.Diff(want, describeRTT(&r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDemandInWords(t *testing.T) {
	st := &engine.Status{
		Params: session.Params{Demand: true, DemandPoll: 1_000_000},
		Demand: engine.DemandStatus{Local: true, Bound: 1900 * session.Millisecond},
	}
	want := control.Demand{Mode: "on", LocalActive: true, PollInterval: 1_000_000, Bound: 1_900_000}
	if diff := cmp.Diff(want, describeDemand(st)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(describeDemand(&engine.Status{})); got != "{off false false 0 0}" {
		t.Errorf("without: %s", got)
	}
}
