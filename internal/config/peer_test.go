package config

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

func TestPrecedence(t *testing.T) {
	profiles := map[string]Settings{"p": {
		DesiredMinTx: ptr(uint32(10_000)), DetectMult: ptr(uint8(5)), Shutdown: ptr(true), Passive: ptr(true),
	}}
	own := Settings{DetectMult: ptr(uint8(255)), Shutdown: ptr(false)}
	got, faults := NewPeer(Key{Peer: addr("192.0.2.1")}, "p", own, profiles)
	want := Peer{
		Peer: addr("192.0.2.1"), VRF: "default", Profile: "p",
		DesiredMinTx:  10_000,  // the profile's
		RequiredMinRx: 300_000, // the default
		DetectMult:    255,     // its own
		Shutdown:      false,   // its own, against the profile's
		Passive:       true,
		DSCP:          48,
		EchoRx:        50_000,
		DemandPoll:    1_000_000,
	}
	if diff := cmp.Diff(want, got, compare); diff != "" || faults != nil {
		t.Errorf("faults %v (-want +got):\n%s", faults, diff)
	}
}

func TestDiff(t *testing.T) {
	peer := func(a string, mult uint8, line int) Peer {
		return Peer{Peer: addr(a), VRF: "default", DetectMult: mult, Line: line}
	}
	before := []Peer{peer("192.0.2.1", 3, 1), peer("192.0.2.2", 3, 2), peer("192.0.2.3", 3, 3)}
	after := []Peer{peer("192.0.2.4", 3, 1), peer("192.0.2.3", 4, 2), peer("192.0.2.1", 3, 30)}
	added, removed, changed := Diff(before, after)
	if diff := cmp.Diff([][]Peer{after[:1], before[1:2], after[1:2]}, [][]Peer{added, removed, changed}, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a, r, c := Diff(after, after); len(a)+len(r)+len(c) != 0 {
		t.Errorf("a configuration differs from itself: %v %v %v", a, r, c)
	}
}

func TestRestartNeeded(t *testing.T) {
	parse := func(source string) Config {
		c, err := Parse([]byte(source), "x")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one := parse("peers: [{peer: 192.0.2.1}]\nshutdown-hold: 1s\necho-source: {interface: lo}")
	if got := RestartNeeded(parse(""), one); got != nil {
		t.Errorf("peers need a restart: %v", got)
	}
	other := parse("control: /a\nlog: {level: warn}\nmetrics: {sessions: 1}\nworkers: {cpus: [0]}\nfast-path: {heard: off}")
	want := []string{"control", "metrics", "workers", "fast-path"}
	if diff := cmp.Diff(want, RestartNeeded(one, other)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for source, want := range map[string][]string{
		"workers: {capacity: 1000}":         {"workers"},
		"workers: {minimum-interval: 10ms}": {"workers"},
		"workers: {count: 2}":               {"workers"},
		"workers: {scheduling: fifo}":       {"workers"},
		"workers: {wait: adaptive}":         {"workers"},
		"workers: {priority: 70}":           nil, // of no effect
		"fast-path: {dead-man: 1s}":         {"fast-path"},
		"fast-path: {heard: on}":            {"fast-path"},
		"transport: udp":                    nil,
		"interfaces: [{name: eth0}]":        nil,
	} {
		if diff := cmp.Diff(want, RestartNeeded(one, parse(source))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
	moved := parse("peers: [{peer: 192.0.2.1}]\nshutdown-hold: 1s\necho-source: {interface: lo}\ntransport: udp\ninterfaces: [{name: eth0, transport: xdp}]")
	if diff := cmp.Diff([]string{"transport", "interfaces"}, ChangedSettings(one, moved)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if kept := one.Reloaded(moved); kept.TransportFor("eth0") != "xdp" || kept.TransportFor("eth1") != "udp" {
		t.Errorf("a reload makes %+v of it", kept)
	}
	kept := one.Reloaded(parse("echo-source: {address: 10.10.10.2}\nworkers: {capacity: 1}\nfast-path: {heard: off}"))
	if kept.EchoSource != (EchoSource{IPv4: addr("10.10.10.2")}) || kept.Workers.Capacity != DefaultCapacity || kept.FastPath.Heard != "auto" {
		t.Errorf("a reload makes %+v of it", kept)
	}
}

func TestFromArgs(t *testing.T) {
	ok := Args{Local: "192.0.2.2", Peer: "192.0.2.1", Interface: "eth0",
		DesiredMinTx: 15_000, RequiredMinRx: 20_000, DetectMult: 4}
	got, err := FromArgs(ok)
	if err != nil {
		t.Fatal(err)
	}
	want := []Peer{{Peer: addr("192.0.2.1"), Local: addr("192.0.2.2"), Interface: "eth0", VRF: "default",
		DesiredMinTx: 15_000, RequiredMinRx: 20_000, DetectMult: 4, DSCP: 48, EchoRx: 50_000, DemandPoll: 1_000_000}}
	if diff := cmp.Diff(want, got.Peers, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	bad := []struct {
		change func(*Args)
		want   string
	}{
		{func(a *Args) { a.Peer = "fe80::1" }, "local-address: 192.0.2.2 is IPv4 but the peer fe80::1 is IPv6"},
		{func(a *Args) { a.Peer = "there" }, `peer: "there" is not an IP address`},
		{func(a *Args) { a.Local = "192.0.2.2/24" }, `local-address: "192.0.2.2/24" is a prefix`},
		{func(a *Args) { a.DesiredMinTx = 99 }, "transmit-interval: 99us is more often than a host can send: set 100us or more"},
		{func(a *Args) { a.DetectMult = 0 }, "detect-multiplier: 0 packets cannot be missed"},
	}
	for _, tt := range bad {
		a := ok
		tt.change(&a)
		if _, err := FromArgs(a); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got %v, want %s…", err, tt.want)
		}
	}
}

func TestOverrides(t *testing.T) {
	o := Overrides{Control: "/b", LogLevel: "error", LogFormat: "json", Transport: "udp"}
	got := o.Apply(defaults(""))
	want := defaults("")
	want.Control.Path, want.Transport = "/b", "udp"
	want.Log = Log{slog.LevelError, "json"}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, Overrides{}.Apply(want), compare); diff != "" {
		t.Errorf("empty overrides changed something:\n%s", diff)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"peer", "peers", "profile", "local-address", "log"}
	for word, want := range map[string]string{
		"perr": "peer", "peeers": "peers", "localaddress": "local-address", "lok": "log", "x": "", "": "",
		"something-else": "", "lg": "log",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
