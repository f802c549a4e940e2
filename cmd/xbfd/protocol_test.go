package main

import (
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

func ptr[T any](v T) *T { return &v }

// various is a Backend with one session of each sort.
func various() *controltest.Backend {
	echo := controltest.Up(22, "192.0.2.2", "192.0.2.9", "eth0")
	echo.Strict, echo.PeerSource, echo.Slowed = true, netip.MustParseAddr("192.0.2.77"), 1
	echo.Echo = control.Echo{
		Mode: "active", TxInterval: 40_000, RxInterval: 50_000, Interval: 50_000, DetectionTime: 150_000,
		Reason: "not looped: transport udp cannot", Source: netip.MustParseAddr("10.10.10.2"), Sent: 100, Returned: 99,
		RTT: control.RTT{Count: 99, Last: 21.5, Min: 15.25, Avg: 22.125, Max: 1300,
			Histogram: []control.Bucket{{LE: ptr(16.384), Count: 98}, {Count: 1}}},
		Loop: control.Loop{State: "unproven", Looped: 7},
	}
	echo.FastPath.Heard, echo.FastPath.Reason = "echo", "not heard: Echo is active"
	echo.Counters.Rx, echo.Counters.RxHeard = 8299, 0
	echo.Counters.EchoTx, echo.Counters.EchoRx, echo.Counters.EchoLooped = 100, 99, 7
	far := controltest.Up(21, "192.0.2.1", "192.0.2.9", "eth0")
	far.Multihop, far.MinTTL, far.Echo.RxInterval, far.Echo.Loop = true, 250, 0, control.Loop{State: "off"}
	far.Clients = []control.SessionClient{
		{Name: "file", State: "up", HoldOff: 500_000}, {Name: "ospfd", State: "down", Failed: true, ClientFlags: control.ClientFlags{DependsOnlyOnBFD: true}},
	}
	far.FastPath = control.FastPath{Heard: "demand", Insurance: "off", Transmit: "raw", Reason: "not heard: Demand mode is active"}
	far.Demand = control.Demand{Mode: "on", LocalActive: true, RemoteActive: true, PollInterval: 1_000_000, Bound: 1_900_000}
	alone := controltest.Up(23, "192.0.2.3", "192.0.2.9", "eth0")
	alone.Unaffiliated, alone.Echo.RxInterval, alone.Echo.Loop = true, 0, control.Loop{State: "off"}
	alone.HoldDown, alone.State = true, "down"
	plain := controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")
	plain.FastPath.Insurance, plain.Counters.Insurance = "on", 12
	return controltest.New(plain, far, echo, alone)
}

func TestProtocol(t *testing.T) {
	golden(t, "protocol", transcript(t, various(),
		"sessions -o wide",
		"sessions --multihop",
		"sessions --multihop=false --peer 192.0.2.1",
		"session show 22",
		"session show 192.0.2.1",
		"session show 192.0.2.1 --multihop",
		"session show 23",

		"session poll 192.0.2.1 --multihop",
		"session poll 23",
		"session poll 192.0.2.1 -o xml",
		"session diag 22 concatenated-path-down",
		"session diag --peer 192.0.2.2 path-down",
		"session diag 22 none",
		"session diag 22 echo-failed",
		"session diag 22 forwarding-rest",
		"session diag 22",
		"session diag",
		"session diag path-down",

		"echo-source show",
		"echo-source set --interface lo",
		"echo-source show",
		"echo-source set --address 10.10.10.2,2001:db8:10::2",
		"echo-source show -o json",
		"echo-source del",
		"echo-source show -o yaml",
		"echo-source set",
		"echo-source set --interface lo --address 10.10.10.2",
		"echo-source set --address lo",
		"echo-source set --address fe80::1",
		"echo-source",

		"session add --peer-addr 198.51.100.1 --local-addr 192.0.2.9 --multihop --minimum-ttl 200",
		"session show 198.51.100.1",
		"session add --peer-addr 192.0.2.6 --echo-mode --echo-transmit-interval 10 --echo-receive-interval disabled --strict-interface",
		"session show 192.0.2.6",
		"session add --peer-addr 192.0.2.7 --unaffiliated-echo",
		"session add --peer-addr 192.0.2.8 --multihop",
		"session add --peer-addr 192.0.2.8 --minimum-ttl 250",
		"session add --peer-addr 192.0.2.8 --minimum-ttl 0",
		"session add --peer-addr 192.0.2.8 --echo-mode --demand-mode",
		"session set 192.0.2.6 --echo-mode=false --demand-mode --demand-poll-interval 0 --congestion-ceiling 1s --echo-receive-interval 20",
		"session show 192.0.2.6",
		"session set 192.0.2.6 --hold-down --required-min-rx 0 --dscp 46 --hold-off 500",
		"session set 192.0.2.6 --echo-transmit-interval often",
	))
}

// TestTooMuch: a refusal for want of capacity says by how much, and has status 1.
func TestTooMuch(t *testing.T) {
	b := various()
	b.Err = control.Errorf(control.CodeCapacity, "1001 packets a second are more than the 1000 of a worker")
	r := xbfd(env{}, "session add --peer-addr 192.0.2.8 --control "+controltest.Serve(t, b))
	if want := (result{err: "xbfd: 1001 packets a second are more than the 1000 of a worker\n", status: exitFailed}); r != want {
		t.Errorf("%+v", r)
	}
}

func TestCompletionOfSignals(t *testing.T) {
	got := xbfd(env{}, `__complete session diag 192.0.2.1 ""`).out
	want := "forwarding-reset\npath-down\nconcatenated-path-down\nreverse-concatenated-path-down\nnone\n:4\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}

func TestEchoSourceInWords(t *testing.T) {
	for want, source := range map[string]control.EchoSource{
		"none": {}, "interface lo": {Interface: "lo"},
		"address 10.10.10.2": {Addresses: []netip.Addr{netip.MustParseAddr("10.10.10.2")}},
	} {
		if got := echoSource(source); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
