package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/doctor"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestDoctor: the table and the JSON say the same, and what fails is the exit
// status.
func TestDoctor(t *testing.T) {
	testnet.RequireRoot(t)
	ns := testnet.NewNS(t, "doctor")
	run := func(line string) (r result) {
		t.Helper()
		if err := ns.Do(func() error { r = xbfd(env{}, line); return nil }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	nobody := "--control " + filepath.Join(t.TempDir(), "sock") + " doctor"
	table := run(nobody)
	if table.status != exitDone || !strings.HasPrefix(table.out, "ok") || !strings.Contains(strings.SplitN(table.out, "\n", 2)[0], "tcpdump") {
		t.Errorf("doctor: %+v", table)
	}
	missing := run(nobody + " --interface eth7 -o json")
	var report doctor.Report
	if err := json.Unmarshal([]byte(missing.out), &report); err != nil || report.Fails() != 1 || report.Wakeups == nil {
		t.Errorf("%v in %s", err, missing.out)
	}
	if missing.status != exitFailed || missing.err != "xbfd: 1 check failed\n" {
		t.Errorf("status %d, %q", missing.status, missing.err)
	}
	if r := run(nobody + " eth0"); r.status != exitUsage {
		t.Errorf("an argument: %+v", r)
	}

	file := filepath.Join(t.TempDir(), "xbfd.yaml")
	if err := os.WriteFile(file, []byte("peers: [{peer: 192.0.2.1, interface: eth7}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(nobody + " -c " + file); !strings.Contains(r.out, "0 of 1 peers are resolved") {
		t.Errorf("with a file: %+v", r)
	}
	if r := run(nobody + " -c " + file + "x"); r.status != exitFailed {
		t.Errorf("with a file that is not there: %+v", r)
	}
	broken := controltest.New()
	broken.Err = errors.New("marker")
	if r := run("--control " + controltest.Serve(t, broken) + " doctor"); r.status != exitDone || !strings.Contains(r.err, "is not known: marker") {
		t.Errorf("with a daemon that does not answer: %+v", r)
	}
	socket := controltest.Serve(t, controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")))
	if r := run("--control " + socket + " doctor"); !strings.Contains(r.out, "0 of 1 peers are resolved") {
		t.Errorf("with a daemon: %+v", r)
	}
}

func TestWantedBy(t *testing.T) {
	cfg, err := config.Parse([]byte("workers: {cpus: [2, 3], scheduling: fifo, priority: 70}\ninterfaces: [{name: eth1, transport: udp}]\n"+
		"echo-source: {interface: lo}\npeers:\n  - {peer: 192.0.2.1, interface: eth0, transmit-interval: 50ms, receive-interval: 20ms, detect-multiplier: 5, echo-mode: true}\n"), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := wantedBy(cfg)
	if got.Transport("eth1") != "udp" || got.Transport("eth0") != "auto" {
		t.Errorf("transports: %s, %s", got.Transport("eth1"), got.Transport("eth0"))
	}
	got.Transport = nil
	want := doctor.Want{From: "x.yaml", Priority: 70, CPUs: []int{2, 3}, Peers: []doctor.Peer{
		{Addr: cfg.Peers[0].Peer, Interface: "eth0", Interval: 20_000, Mult: 5, Echo: true},
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b doctor.Peer) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
