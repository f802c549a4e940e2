package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

// troubled is a Backend whose sessions differ in what one sorts by.
func troubled() *controltest.Backend {
	low := int64(-250)
	a := controltest.Up(21, "192.0.2.1", "192.0.2.9", "eth1")
	a.Profile, a.Counters.Down, a.UptimeSeconds = "fast", 2, 10
	b := controltest.Up(22, "192.0.2.2", "192.0.2.9", "eth0")
	b.State, b.UptimeSeconds, b.Counters.Down, b.DetectionTime = "down", 0, 7, 150_000
	b.Profile, b.Margin.Min = "later", &low
	c := controltest.Up(23, "192.0.2.3", "192.0.2.9", "eth0")
	c.VRF, c.Owner, c.Margin.Min, c.UptimeSeconds = "blue", "api", nil, 90_000
	return controltest.New(a, b, c)
}

func TestOperate(t *testing.T) {
	golden(t, "operate", transcript(t, troubled(),
		"sessions --brief",
		"sessions --brief --sort interface",
		"sessions --brief --sort state",
		"sessions --brief --sort uptime",
		"sessions --brief --sort downs",
		"sessions --brief --sort margin",
		"sessions --brief --sort detect",
		"sessions --brief --sort profile",
		"sessions --brief --profile fast",
		"sessions --brief --owner api",
		"sessions --brief --vrf blue",
		"sessions --brief --profile fast --owner api",
		"sessions --brief -o wide",
		"sessions --sort age",
		"profile list",
		"profile list -o wide",
		"profile list -o json",
		"profile",
		"profile show fast",
		"counters",
		"counters -o yaml",
		"session clear 22",
		"session clear 192.0.2.9",
		"session clear",
		"counters --clear",
		"counters",
		"counters now",
	))
}

func TestConfigShow(t *testing.T) {
	b := troubled()
	if _, err := b.SetConfig(t.Context(), []byte(`
control: {path: /run/xbfd.sock, group: xbfd}
echo-source: {address: [10.10.10.2, "2001:db8:10::2"]}
keys: [{id: 1, type: keyed-sha1, secret: hunter2}]
profiles: {fast: {transmit-interval: 10ms, auth: {key: 1}}}
peers:
  - {peer: 192.0.2.1, interface: eth0, profile: fast, auth: none}
  - {peer: "2001:db8::1", local-address: "2001:db8::9", multihop: true, detect-multiplier: 7}
`)); err != nil {
		t.Fatal(err)
	}
	shown := transcript(t, b,
		"config show",
		"config show -o json",
		"config show -o table",
		"config show x",
		"debug peer on",
		"debug network off",
		"debug events maybe",
		"debug peer",
		"debug",
		"debug packets on",
		"session add --peer-addr 192.0.2.77 --profile fast --no-auth",
		"session add --peer-addr 192.0.2.78 --no-auth --conf-key-id 1",
	)
	golden(t, "config", shown)
	if strings.Contains(shown, "hunter2") {
		t.Error("a secret is shown")
	}
}

func TestReport(t *testing.T) {
	b := backend()
	peer := func(what, address string, fields ...string) control.SessionDiff {
		return control.SessionDiff{What: what, Peer: netip.MustParseAddr(address), Interface: "eth0", VRF: "default", Fields: fields}
	}
	far := peer("removed", "198.51.100.1")
	far.Local, far.Interface, far.Multihop = netip.MustParseAddr("192.0.2.9"), "", true
	b.Report = control.ReloadReport{
		Added: 1, Removed: 1, Changed: 1, Settings: []string{"log", "profile fast"},
		Changes: []control.SessionDiff{peer("added", "192.0.2.1"), far, peer("changed", "192.0.2.3", "transmit-interval", "auth")},
	}
	short := transcript(t, b, "reload", "reload -o yaml")
	for range 40 {
		b.Report.Changes = append(b.Report.Changes, peer("changed", "192.0.2.4", "dscp"))
	}
	golden(t, "report", short+transcript(t, b, "reload"))
}

// What config show writes in YAML is read back as it was, whatever it holds.
func TestConfigShownIsAFile(t *testing.T) {
	b := troubled()
	source := []byte(`{"control": "/run/a b: c#d", "log": {"level": "debug"}, "metrics": {"listen": "[::1]:9784"},
		"profiles": {"on": {"dscp": 1}, "1": {"dscp": 2}, "a: b": {}, "#x": {}, "null": {}, "- y": {"auth": "none"}, "[z": {"hold-off": "1.5s"}},
		"peers": [{"peer": "2001:db8::", "local-address": "2001:db8:1::", "profile": "on"}, {"peer": "192.0.2.1", "profile": "1"},
			{"peer": "192.0.2.2", "profile": "null"}, {"peer": "192.0.2.3", "profile": "- y"}, {"peer": "fe80::", "interface": "1e3", "profile": "[z"}]}`)
	if _, err := b.SetConfig(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	socket := controltest.Serve(t, b)
	r := xbfd(env{}, "config show --control "+socket)
	cfg, err := config.Parse([]byte(r.out), "shown")
	if err != nil {
		t.Fatalf("%v in\n%s", err, r.out)
	}
	want, err := config.Parse(source, "shown")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(cfg.Document())
	if text, _ := json.Marshal(want.Document()); string(text) != string(got) {
		t.Errorf("%s\nis shown as\n%s", text, r.out)
	}
}
