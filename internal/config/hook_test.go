package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHooks(t *testing.T) {
	cfg, err := Load("testdata/hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, h := range cfg.Hooks {
		names = append(names, h.Name)
	}
	if diff := cmp.Diff([]string{"true", "true-2", "far", "192.0.2.9"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	first, far := cfg.Hooks[0], cfg.Hooks[2]
	if first.Timeout != 5*time.Second || first.Concurrency != 4 || first.Dampening != (Dampening{time.Second, time.Minute}) || first.Rate.Count != 0 {
		t.Errorf("defaults are %+v", first)
	}
	if far.Header.Value.Reveal() != "Bearer hunter2" || far.Rate != (Rate{5, time.Hour}) || far.Dampening != (Dampening{2 * time.Second, time.Minute}) {
		t.Errorf("far is %+v with %q", far, far.Header.Value.Reveal())
	}
	text, err := json.Marshal(cfg.Document())
	if shown := fmt.Sprintf("%v %+v %#v %s %q %s", far, far, far, far.Header.Value, far.Header, text); err != nil || strings.Contains(shown, "hunter2") {
		t.Errorf("the secret is shown: %s, %v", shown, err)
	}
	in := netip.MustParseAddr("192.0.2.1")
	if !far.About(in, "eth0", "slow") || far.About(in, "eth1", "slow") || far.About(in, "eth0", "") || far.About(netip.MustParseAddr("192.0.2.2"), "eth0", "fast") || !first.About(in, "", "") {
		t.Error("a filter takes what it should not, or the other way round")
	}
}

func TestHold(t *testing.T) {
	d := Dampening{Wait: 2 * time.Second, Max: 15 * time.Second}
	var got []time.Duration
	for n := range 7 {
		got = append(got, d.Hold(n)/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{0, 0, 2, 4, 8, 15, 15}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := d.Hold(1 << 30); got != d.Max {
		t.Errorf("after very many: %v", got)
	}
	if got := (Dampening{}).Hold(9); got != 0 {
		t.Errorf("without dampening: %v", got)
	}
}

// A program that is not there is no error: it may be installed later.
func TestHookProgramWarnings(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for run, want := range map[string]string{
		"/bin/true": "", "/no/such/program": "cannot be run", "/tmp": "is a directory", plain: "is not executable: chmod 755 it",
	} {
		cfg, err := Parse([]byte("hooks: [{on: up, run: ["+run+"]}]"), "x")
		got := ""
		for _, w := range cfg.Warnings {
			got += w.String()
		}
		if err != nil || !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, %v", run, got, err)
		}
	}
	cfg, err := Parse([]byte(`hooks: [{on: up, url: "http://h/", header: {name: A, secret: b}}]`), "x")
	if err != nil || len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Text, "in clear") {
		t.Errorf("a secret over http: %v, %v", cfg.Warnings, err)
	}
}

// What comes over the control socket cannot make the daemon run something else.
func TestMayKeep(t *testing.T) {
	have, err := Load("testdata/hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	again := written(t, have)
	kept, err := MayKeep(have.Hooks, again.Hooks)
	if err != nil || !SameHooks(kept, have.Hooks) || kept[2].Header.Value.Reveal() != "Bearer hunter2" {
		t.Errorf("the same, masked: %+v, %v", kept, err)
	}
	if kept, err := MayKeep(have.Hooks, nil); err != nil || kept != nil {
		t.Errorf("none: %+v, %v", kept, err)
	}
	again.Hooks[0].Run = []string{"/bin/sh"}
	if _, err := MayKeep(have.Hooks, again.Hooks); err == nil {
		t.Error("another program is taken")
	}
	if _, err := MayKeep(nil, again.Hooks); err == nil {
		t.Error("new hooks are taken")
	}
}

func TestChangedHooks(t *testing.T) {
	a, err := Load("testdata/hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed := func(old, text string) []string {
		b, err := Parse([]byte("# moved down\n"+strings.Replace(string(source), old, text, 1)), "x")
		if err != nil {
			t.Fatal(err)
		}
		return ChangedSettings(a, b)
	}
	if got := changed("", ""); got != nil {
		t.Errorf("nothing but the line: %v", got)
	}
	if got := changed("hunter2", "hunter3"); !cmp.Equal(got, []string{"hooks"}) {
		t.Errorf("another secret: %v", got)
	}
}
