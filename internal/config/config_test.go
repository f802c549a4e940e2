package config

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

var update = flag.Bool("update", false, "write golden files")

// compareAddrs lets cmp see into values with unexported fields.
var compare = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b packet.Secret) bool { return a == b }),
	cmpopts.IgnoreUnexported(Problem{}),
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestEveryKey(t *testing.T) {
	got, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got.Profiles = nil // seen through the peers that use them
	want := Config{
		File:         "testdata/full.yaml",
		Control:      Control{Path: "/run/xbfd/control.sock", Group: "0", Mode: 0o600},
		Log:          Log{Level: slog.LevelDebug, Format: "json"},
		Metrics:      Metrics{Listen: "[::1]:9784", Sessions: 500},
		Transport:    "xdp",
		Interfaces:   []Interface{{Name: "eth0", Transport: "udp", EchoLoop: "auto"}, {Name: "eth1", Transport: "auto", EchoLoop: "xdp", SteerTo: 1}},
		Workers:      Workers{Count: 2, CPUs: []int{2, 3}, MinInterval: 3300, Scheduling: "fifo", Priority: 99, Wait: "sleep"},
		FastPath:     FastPath{Heard: "on", Insurance: "off", LiveTransmit: "off", DeadMan: 500 * time.Millisecond},
		Capture:      Capture{Frames: 32, Pool: 100, OnDown: "/var/lib/xbfd", ShowPasswords: true},
		ShutdownHold: 1500 * time.Millisecond,
		DataPlane: []DPlane{
			{Connect: true, Address: DPlaneAddress{Path: "/run/frr/bfdd_dplane.sock"}},
			{Address: DPlaneAddress{Path: "/run/xbfd/dplane.sock"}, Hold: 30 * time.Second, Group: "frr"},
			{Address: DPlaneAddress{TCP: netip.MustParseAddrPort("[::1]:50700")}, Hold: time.Second},
		},
		EchoSource: EchoSource{IPv4: addr("10.10.10.2"), IPv6: addr("2001:db8:10::2")},
		GoBGP:      GoBGP{API: "[::1]:50051", FromNeighbors: true, Profile: "fast"},
		Peers: []Peer{
			{Peer: addr("192.0.2.1"), VRF: "default", DesiredMinTx: 300_000, RequiredMinRx: 300_000, DetectMult: 3, DSCP: 48,
				EchoRx: 50_000, DemandPoll: 1_000_000, Line: 40},
			{Peer: addr("192.0.2.2"), Local: addr("192.0.2.9"), Interface: "eth0", VRF: "default", Profile: "fast",
				DesiredMinTx: 50_000, RequiredMinRx: 20_000, DetectMult: 1, DSCP: 46, Auth: Auth{true, 4_000_000_000, 255},
				EchoRx: 50_000, DemandPoll: 1_000_000, Line: 41},
			{Peer: addr("2001:db8::1"), Local: addr("2001:db8::2"), VRF: "default", Profile: "faster",
				DesiredMinTx: 3300, RequiredMinRx: 100, DetectMult: 3, DSCP: 48,
				EchoRx: 50_000, DemandPoll: 1_000_000, Line: 49},
			{Peer: addr("fe80::1"), Interface: "eth1", VRF: "default", Profile: "same",
				DesiredMinTx: 10_000, RequiredMinRx: 20_000, DetectMult: 5, Passive: true, Shutdown: true, Auth: Auth{true, 4_000_000_000, 255},
				EchoRx: 50_000, DemandPoll: 1_000_000, Line: 50},
			{Peer: addr("192.0.2.3"), VRF: "default", Profile: "not-there-yet",
				DesiredMinTx: 300_000, RequiredMinRx: 1, DetectMult: 3, DSCP: 48, Auth: Auth{true, 7, 7},
				EchoRx: 50_000, DemandPoll: 1_000_000, Line: 54},
			{Peer: addr("192.0.2.4"), Local: addr("192.0.2.9"), VRF: "default", Profile: "far", Multihop: true,
				DesiredMinTx: 300_000, RequiredMinRx: 300_000, DetectMult: 3, DSCP: 48, Auth: Auth{true, 4_000_000_000, 1},
				MinTTL: 250, Demand: true, HoldOff: 500_000, Ceiling: 1_000_000, Line: 55},
			{Peer: addr("192.0.2.5"), VRF: "default", Profile: "echo",
				DesiredMinTx: 300_000, DetectMult: 3, DSCP: 48,
				Strict: true, EchoTx: 20_000, EchoRx: 100, DemandPoll: 1_000_000, HoldDown: true, Line: 56},
			{Peer: addr("192.0.2.6"), VRF: "default", Unaffiliated: true,
				DesiredMinTx: 20_000, RequiredMinRx: 300_000, DetectMult: 4, DSCP: 48, Auth: Auth{true, 4_000_000_000, 1},
				DemandPoll: 1_000_000, Line: 57},
		},
		Keys: []AuthKey{
			{ID: 4_000_000_000, Method: packet.AuthMethod{Type: packet.AuthMeticulousSHA1},
				Secret: packet.NewSecret([]byte("hunter2hunter2hunter")), Line: 60},
			{ID: 7, Method: packet.AuthMethod{Type: packet.AuthSimple}, Secret: packet.NewSecret([]byte("hunter2")), Line: 61},
		},
		Warnings: []Problem{
			{File: "testdata/full.yaml", Line: 50, Column: 5, Field: "peers[3]",
				Text: "fe80::1 is passive: it stays silent until the peer speaks, so the peer must not be passive too"},
			{File: "testdata/full.yaml", Line: 54, Column: 32, Field: "peers[4].profile",
				Text: `there is no profile "not-there-yet" (yet): until there is, this session runs with its own values and the defaults`},
		},
	}
	got.Routes, got.NexthopGroups, got.Addresses = nil, nil, nil // TestRoutes has them
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rows.Covers(t, "5880-6.1-04") // a passive single hop is pointed out
	// A multihop session has no echo; an unaffiliated one has the interval and
	// the multiplier that are written here.
	rows.Covers(t, "5883-3-01", "9747-2-10", "9747-2-12")
}

func TestNothingConfigured(t *testing.T) {
	for _, source := range []string{"", "# nothing\n", "---\n", "\ufeff# nothing\r\n", "peers:\nprofiles:\nlog:\n"} {
		got, err := Parse([]byte(source), "x.yaml")
		if err != nil {
			t.Errorf("%q: %v", source, err)
		}
		if diff := cmp.Diff(defaults("x.yaml"), got, compare); diff != "" {
			t.Errorf("%q (-want +got):\n%s", source, diff)
		}
	}
}

// TestErrors compares what a person sees with testdata/errors/*.golden.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file)
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("error is %v, want an *Error", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", refused.Detail()+"\n")
			if strings.Contains(refused.Detail(), marker) {
				t.Errorf("a secret is shown")
			}
		})
	}
	// 0 and 256 as multiplier, and 0 as transmit interval, are in fields.yaml.
	rows.Covers(t, "5880-6.8.1-11", "5880-4.1-06")
	// Echo over several hops is in kinds.yaml, the second session of a pair of
	// addresses and the one besides unaffiliated echo are in clashes.yaml.
	rows.Covers(t, "5883-3-01", "5883-4.1-02", "9747-4-01")
}

func TestWarnings(t *testing.T) {
	const sha1 = "keys: [{id: 1, type: keyed-sha1, secret: x}]"
	tests := []struct{ name, source, want string }{
		{"open socket", `control: {path: /a, mode: "0666"}`, `x:1:27: control.mode: 0666 lets every user of this host change sessions: "0660" with a group is safer`},
		{"perhaps the same", "peers:\n  - {peer: 192.0.2.1}\n  - {peer: 192.0.2.1, interface: eth0}",
			"x:3:5: peers[1]: may turn out to be the same session with 192.0.2.1 as on line 2: name local-address and interface in both"},
		{"the same in another VRF", "peers:\n  - {peer: 192.0.2.1}\n  - {peer: 192.0.2.1, vrf: red}\n  - {peer: 192.0.2.1, vrf: blue, interface: eth2}", ""},
		{"perhaps of the same VRF", "peers:\n  - {peer: 192.0.2.1, vrf: red}\n  - {peer: 192.0.2.1, interface: eth0}",
			"x:3:5: peers[1]: may turn out to be the same session with 192.0.2.1 as on line 2: name local-address and interface in both"},
		{"multihop is another session", "peers:\n  - {peer: 192.0.2.1}\n  - {peer: 192.0.2.1, local-address: 192.0.2.2, multihop: true, auth: {key: 1}}\n" + sha1, ""},
		{"multihop is never alone passive", "peers: [{peer: 192.0.2.1, local-address: 192.0.2.2, multihop: true, passive-mode: true, auth: {key: 1}}]\n" + sha1, ""},
		{"multihop without auth", "peers: [{peer: 192.0.2.1, local-address: 192.0.2.2, multihop: true}]",
			"x:1:63: peers[0].multihop: packets for 192.0.2.1 may be forged from hops away: add auth with a SHA1 key, at both ends"},
		{"multihop with a password", "peers: [{peer: 192.0.2.1, local-address: 192.0.2.2, multihop: true, auth: {key: 1}}]\nkeys: [{id: 1, type: simple-password, secret: x}]",
			"x:1:75: peers[0].auth: a simple password proves nothing to whoever can listen: use a SHA1 key"},
		{"unaffiliated without auth", "echo-source: {interface: lo}\npeers: [{peer: 192.0.2.1, unaffiliated-echo: true}]",
			"x:2:46: peers[0].unaffiliated-echo: without auth, whoever guesses our packets can keep the session with 192.0.2.1 up: add auth with a SHA1 key"},
		{"low ceiling", "peers: [{peer: 192.0.2.1, congestion-ceiling: 200ms}]",
			"x:1:47: peers[0].congestion-ceiling: 200ms is shorter than the transmit-interval of 300ms: congestion will slow nothing; set it longer, or 0"},
		{"low ceiling of a profile", "profiles: {p: {congestion-ceiling: 200ms}}\npeers: [{peer: 192.0.2.1, profile: p}]",
			"x:2:9: peers[0]: 200ms is shorter than the transmit-interval of 300ms: congestion will slow nothing; set it longer, or 0"},
		{"surely not the same", "peers:\n  - {peer: fe80::1, interface: eth1}\n  - {peer: fe80::1, interface: eth0}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := Parse([]byte(tt.source), "x")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, w := range cfg.Warnings {
				got += w.String()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	rows.Covers(t, "5880-9-02", "5883-6-01", "9747-5-01")
}

func TestAliasOfItself(t *testing.T) {
	for _, source := range []string{
		"peers: &p [*p]", "peers: &p\n  - *p", "profiles: &p {a: *p}", "log: &l {level: *l}", "control: &c *c",
	} {
		if _, err := Parse([]byte(source), "x"); err == nil {
			t.Errorf("%q was accepted", source)
		}
	}
}

func TestLoadFails(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("big file: %v", err)
	}
}

func TestTransportFor(t *testing.T) {
	c := Config{Transport: "xdp", Interfaces: []Interface{{"eth0", "udp", "ring", 4}}}
	if got := c.TransportFor("eth0") + " " + c.TransportFor("eth1"); got != "udp xdp" {
		t.Errorf("got %q", got)
	}
	if got := c.EchoLoopFor("eth0") + " " + c.EchoLoopFor("eth1"); got != "ring auto" {
		t.Errorf("echo loop %q", got)
	}
	if a, b := c.SteerToFor("eth0"), c.SteerToFor("eth1"); a != 4 || b != 0 {
		t.Errorf("steer to %d, %d", a, b)
	}
}
