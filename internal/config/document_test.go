package config

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// written returns cfg as its own document has it, secrets from cfg.
func written(t testing.TB, cfg Config) Config {
	t.Helper()
	text, err := json.Marshal(cfg.Document())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseLive(text, cfg.File, cfg.Keys)
	if err != nil || len(again.Peers) != len(cfg.Peers) {
		t.Fatalf("written as\n%s\nand read back: %v", text, err)
	}
	return again
}

// What a configuration is written as asks for the same, whatever it holds.
func TestDocument(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := Parse(source, file)
		if err != nil {
			t.Fatal(err)
		}
		again := written(t, cfg)
		same := cmp.Options{
			cmpopts.IgnoreFields(Peer{}, "Line"), cmpopts.IgnoreFields(Route{}, "Line"), cmpopts.IgnoreFields(NexthopGroup{}, "Line"), cmpopts.IgnoreFields(Address{}, "Line"), cmpopts.IgnoreFields(Hook{}, "Line"), cmpopts.IgnoreFields(Header{}, "Value"), cmpopts.IgnoreFields(Config{}, "Warnings"),
			cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{}, AuthKey{}),
		}
		again.Peers, cfg.Peers = unplaced(again.Peers), unplaced(cfg.Peers)
		for i := range again.Keys {
			again.Keys[i].Line = cfg.Keys[i].Line
		}
		if diff := cmp.Diff(cfg, again, same); diff != "" {
			t.Errorf("%s (-file +written and read back):\n%s", file, diff)
		}
	}
}

func unplaced(list []Peer) []Peer {
	list = slices.Clone(list)
	for i := range list {
		list[i].Line = 0
	}
	return list
}

// A peer is written with what is its own: the profile's values come from there,
// and stay out of it when it changes.
func TestDocumentOfAPeer(t *testing.T) {
	cfg, err := Parse([]byte(`
echo-source: {interface: lo}
keys: [{id: 7, type: keyed-sha1, secret: hunter2}]
profiles:
  p: {transmit-interval: 10ms, detect-multiplier: 5, auth: {key: 7}, echo-mode: true}
peers:
  - {peer: 192.0.2.1, profile: p}
  - {peer: 192.0.2.2, profile: p, detect-multiplier: 5, receive-interval: 300ms, auth: none, echo-mode: false}
  - {peer: 192.0.2.3, profile: none-yet, echo-receive-interval: disabled, dscp: 0, passive-mode: true}
  - {peer: fe80::1%eth0, hold-down: true, receive-interval: 0, auth: {key: 7, bfd-key-id: 0}}
`), "x")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(cfg.Document().Peers)
	want := `[{"peer":"192.0.2.1","profile":"p"},` +
		`{"peer":"192.0.2.2","profile":"p","echo-mode":false,"auth":"none"},` +
		`{"peer":"192.0.2.3","profile":"none-yet","passive-mode":true,"echo-receive-interval":"disabled","dscp":0},` +
		`{"peer":"fe80::1","interface":"eth0","receive-interval":"0us","hold-down":true,"auth":{"key":7,"bfd-key-id":0}}]`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if text, _ := json.Marshal(cfg.Document()); strings.Contains(string(text), "hunter2") || !strings.Contains(string(text), SecretMask) {
		t.Errorf("keys are written as %s", text)
	}
}

// A peer's own none wins over its profile's auth; an empty auth is no such word.
func TestNoAuth(t *testing.T) {
	cfg, err := Parse([]byte("keys: [{id: 1, type: keyed-sha1, secret: a}]\nprofiles: {p: {auth: {key: 1}}}\n"+
		"peers: [{peer: 192.0.2.1, profile: p, auth: none}, {peer: 192.0.2.2, profile: p}]"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Peers[0].Auth.On || !cfg.Peers[1].Auth.On {
		t.Errorf("auth is %+v and %+v", cfg.Peers[0].Auth, cfg.Peers[1].Auth)
	}
	for _, word := range []string{"", "off", "{}", "no"} {
		if _, err := Parse([]byte("peers: [{peer: 192.0.2.1, auth: "+word+"}]"), "x"); err == nil {
			t.Errorf("%q is taken for an auth", word)
		}
	}
}

func TestMasks(t *testing.T) {
	const mask = `keys: [{id: 1, type: keyed-sha1, secret: "***"}]`
	have, err := Parse([]byte("keys: [{id: 1, type: keyed-sha1, secret: hunter2}]"), "x")
	if err != nil {
		t.Fatal(err)
	}
	live, err := ParseLive([]byte(mask), "x", have.Keys)
	if err != nil || len(live.Keys) != 1 || live.Keys[0].Secret != have.Keys[0].Secret {
		t.Errorf("masked: %+v, %v", live.Keys, err)
	}
	for text, want := range map[string]string{
		`keys: [{id: 2, type: keyed-sha1, secret: "***"}]`:    "there is none with this id and type",
		`keys: [{id: 1, type: keyed-md5, secret-hex: "***"}]`: "there is none with this id and type",
		`keys: [{id: 1, type: keyed-sha1, secret-file: /x}]`:  "goes in a file only",
	} {
		if _, err := ParseLive([]byte(text), "x", have.Keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse([]byte(mask), "x"); err == nil || !strings.Contains(err.Error(), "write the secret itself") {
		t.Errorf("in a file: %v", err)
	}
	if _, err := ParseLive([]byte(mask), "x", nil); err == nil {
		t.Error("a mask of nothing is taken")
	}
}

// Whatever is nested too deep is refused at once, however long it is.
func TestDepth(t *testing.T) {
	const n = 100_000
	began := time.Now()
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", n), "braces": strings.Repeat("{a: ", n), "keys": strings.Repeat("peers: [", n),
		"entries": strings.Repeat("- ", n), "closed": strings.Repeat("[", n) + strings.Repeat("]", n), "lists": strings.Repeat("[[],", n),
	} {
		_, err := Parse([]byte(text), "x")
		if err == nil || !strings.Contains(err.Error(), "nested more than 64 deep") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Without the bound, the first alone takes tens of seconds.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	deep := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	if _, err := Parse([]byte("peers: "+deep), "x"); err == nil || strings.Contains(err.Error(), "deep") {
		t.Errorf("60 deep: %v", err)
	}
}
