package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestCleanup: nothing is left, a daemon that lives is told of and left alone, and
// what a dead one noted is looked for.
func TestCleanup(t *testing.T) {
	ns := testnet.NewNS(t, "a")
	dir := t.TempDir()
	note := func(in *testnet.NS, dead bool) *leftovers.Journal {
		t.Helper()
		var j *leftovers.Journal
		err := in.Do(func() (err error) {
			if j, err = leftovers.New(dir); err != nil {
				return err
			}
			return errors.Join(
				j.Note(bpf.Remains{Kind: leftovers.Neighbours}),
				j.Note(bpf.Remains{Kind: bpf.RemainsFilter, Interface: "eth0", Ifindex: 77, Priority: 1, Handle: 5, Program: 12}))
		})
		if dead {
			err = errors.Join(err, j.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	run := func(args string) (r result) {
		t.Helper()
		if err := ns.Do(func() error { r = xbfd(env{}, "cleanup --directory "+dir+" "+args); return nil }); err != nil {
			t.Fatal(err)
		}
		r.out = strings.ReplaceAll(r.out, fmt.Sprint(os.Getpid()), "PID")
		r.err = strings.ReplaceAll(r.err, fmt.Sprint(os.Getpid()), "PID")
		return r
	}
	check := func(args string, status int, out, errs string) {
		t.Helper()
		r := run(args)
		if r.status != status || !strings.Contains(r.out, out) || !strings.Contains(r.err, errs) || errs == "" && r.err != "" {
			t.Errorf("cleanup %s: status %d\n%s%s", args, r.status, r.out, r.err)
		}
	}
	check("", exitDone, "nothing was left\n", "")
	check("-o json", exitDone, "[]\n", "")
	check("eth0", exitUsage, "", "unknown command")

	living := note(ns, false)
	check("", exitFailed, "neighbours  -          left: process PID lives", "process PID runs and needs what it has made: stop it first")
	if err := living.Close(); err != nil { // it dies
		t.Fatal(err)
	}
	check("-o json", exitDone, `"result": "was gone already"`, "")
	check("", exitDone, "nothing was left\n", "")

	other := note(testnet.NewNS(t, "b"), false)
	check("", exitDone, "left: process PID lives in another network namespace", "")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	check("", exitFailed, "so it takes an xbfd cleanup there", "2 of 2 things are left")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}

	note(ns, true)
	if err := os.WriteFile(filepath.Join(dir, "9-9.json"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	const wide = "PROCESS  WHAT        INTERFACE  IFINDEX  PRIORITY  PROGRAM  NAMESPACE"
	check("-o wide", exitFailed, wide, "1 of 3 things are left, as told above")
	check("", exitFailed, "remove it when you know that nothing is left", "1 of 1 things are left")
}

// TestCleanupRoutes: what bears xbfd's number goes on demand, unless a daemon keeps it.
func TestCleanupRoutes(t *testing.T) {
	ns := testnet.NewNS(t, "a")
	ns.SetUp(t, "lo")
	run := func(line string) (r result) {
		t.Helper()
		err := ns.Do(func() error { r = xbfd(env{}, "cleanup --directory "+t.TempDir()+" "+line); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := ns.Do(exec.Command("ip", "route", "add", "198.51.100.0/24", "dev", "lo", "metric", "20", "proto", "184").Run); err != nil {
		t.Fatal(err)
	}
	if r := run("--routes --control " + controltest.Serve(t, backend())); r.status != exitFailed || !strings.Contains(r.err, "the daemon that runs keeps its routes") {
		t.Errorf("beside a daemon: %+v", r)
	}
	nobody := " --control " + filepath.Join(t.TempDir(), "none.sock")
	if r := run(nobody); r.status != exitDone || r.out != "nothing was left\n" {
		t.Errorf("without --routes: %+v", r)
	}
	if r := run("--routes" + nobody); r.status != exitDone || r.err != "" || !strings.Contains(r.out, "-        route  -          removed: 198.51.100.0/24 metric 20\n") {
		t.Errorf("%+v", r)
	}
	if r := run("--routes" + nobody); r.status != exitDone || r.out != "nothing was left\n" {
		t.Errorf("once more: %+v", r)
	}
}
