package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Each key has a row in the reference, and each row is about a key.
func TestReference(t *testing.T) {
	about := reference(t)
	for path := range leaves {
		_, itself := about[path]
		parent, _, _ := strings.Cut(path, ".")
		if _, above := about[parent]; !itself && !above {
			t.Errorf("%s says nothing of %s", referenceFile, path)
		}
		delete(about, path)
	}
	for path := range about {
		part := func(leaf string) bool { return strings.HasPrefix(leaf, path+".") }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(leaves)), part) {
			t.Errorf("%s tells of %s, which is no key", referenceFile, path)
		}
	}
}

var listed = regexp.MustCompile(`the keys here are ([a-z, -]+)|the keys being ([a-z, -]+)`)

// What Parse takes is what the Document has, key by key.
func TestDocumentHasEveryKey(t *testing.T) {
	typ := reflect.TypeFor[Document]()
	keysOf := func(typ reflect.Type) string {
		var names []string
		for _, f := range reflect.VisibleFields(typ) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return strings.Join(names, ", ")
	}
	const odd = "qqqqqqqqqqqqqqqqqqqq"
	for source, typ := range map[string]reflect.Type{
		"%s: 1": typ, "control: {%s: 1}": reflect.TypeFor[DocControl](), "log: {%s: 1}": reflect.TypeFor[DocLog](),
		"metrics: {%s: 1}": reflect.TypeFor[DocMetrics](), "interfaces: [{%s: 1}]": reflect.TypeFor[DocInterface](),
		"workers: {%s: 1}": reflect.TypeFor[DocWorkers](), "fast-path: {%s: 1}": reflect.TypeFor[DocFastPath](),
		"capture: {%s: 1}": reflect.TypeFor[DocCapture](), "echo-source: {%s: 1}": reflect.TypeFor[DocEchoSource](),
		"gobgp: {%s: 1}":         reflect.TypeFor[DocGoBGP](),
		"profiles: {p: {%s: 1}}": reflect.TypeFor[DocSettings](), "peers: [{%s: 1}]": reflect.TypeFor[DocPeer](),
		"peers: [{auth: {%s: 1}}]": reflect.TypeFor[DocAuth](), "keys: [{%s: 1}]": reflect.TypeFor[DocKey](),
		"hooks: [{%s: 1}]": reflect.TypeFor[DocHook](), "hooks: [{header: {%s: 1}}]": reflect.TypeFor[DocHeader](),
		"hooks: [{dampening: {%s: 1}}]": reflect.TypeFor[DocDampening](),
		"routes: [{%s: 1}]":             reflect.TypeFor[DocRoute](), "routes: [{via: [{%s: 1}]}]": reflect.TypeFor[DocGateway](),
		"nexthop-groups: [{%s: 1}]": reflect.TypeFor[DocNexthopGroup](), "nexthop-groups: [{via: [{%s: 1}]}]": reflect.TypeFor[DocGateway](),
		"addresses: [{%s: 1}]": reflect.TypeFor[DocAddress](), "addresses: [{peers: [{%s: 1}]}]": reflect.TypeFor[DocWatch](),
	} {
		_, err := Parse([]byte(fmt.Sprintf(source, odd)), "x")
		m := listed.FindStringSubmatch(fmt.Sprint(err))
		if m == nil || m[1] != keysOf(typ) {
			t.Errorf("%s: Parse answers %v, the Document has %s", source, err, keysOf(typ))
		}
	}
}

// compiled is the schema as another implementation reads it.
func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("xbfd.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("xbfd.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid tells what the schema says of a document in YAML.
func valid(t testing.TB, s *jsonschema.Schema, source []byte) error {
	t.Helper()
	text, err := yaml.YAMLToJSON(source)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// The schema takes the files that Parse takes.
func TestSchemaTakes(t *testing.T) {
	s := compiled(t)
	for _, pattern := range []string{"testdata/*.yaml", "../../contrib/*xbfd.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: nothing there, %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(t, s, source); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	manual, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(manual, -1) {
		if cfg, err := Parse(block[1], "x"); err == nil {
			tried++
			if err := valid(t, s, block[1]); err != nil {
				t.Errorf("%s: %v", block[1], err)
			}
			if text, _ := json.Marshal(cfg.Document()); valid(t, s, text) != nil {
				t.Errorf("%s, written as %s: %v", block[1], text, valid(t, s, text))
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d of the manual's files were tried", tried)
	}
}

// The schema refuses what its form alone shows to be wrong, as Parse does.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, source := range []string{
		"peer: 192.0.2.1", "peers: {peer: 192.0.2.1}", "peers: [{interface: eth0}]", "peers: [{peer: router}]", "peers: [{peer: 192.0.2.0/24}]",
		"peers: [{peer: 192.0.2.1, transmit-intervall: 10ms}]", "peers: [{peer: 192.0.2.1, transmit-interval: 10m}]",
		"peers: [{peer: 192.0.2.1, transmit-interval: -1}]", "peers: [{peer: 192.0.2.1, detect-multiplier: 0}]",
		"peers: [{peer: 192.0.2.1, detect-multiplier: 256}]", "peers: [{peer: 192.0.2.1, dscp: 64}]", "peers: [{peer: 192.0.2.1, minimum-ttl: 0, multihop: true}]",
		"peers: [{peer: 192.0.2.1, passive-mode: yes please}]", "peers: [{peer: 192.0.2.1, auth: off}]", "peers: [{peer: 192.0.2.1, auth: {bfd-key-id: 1}}]",
		"peers: [{peer: 192.0.2.1, echo-receive-interval: off}]", "peers: [{peer: 192.0.2.1, interface: much-too-long-a-name}]",
		"profiles: {p: {peer: 192.0.2.1}}", "profiles: [fast]", "keys: [{id: 1, type: keyed-sha1}]", "keys: [{id: 1, type: sha1, secret: a}]",
		"keys: [{id: 1, type: keyed-sha1, secret: a, secret-hex: 61}]", "keys: [{id: -1, type: keyed-sha1, secret: a}]",
		"echo-source: {}", "echo-source: {interface: lo, address: 10.0.0.1}", "control: run/xbfd.sock", "control: {sock: /run/xbfd.sock}",
		"log: {level: loud}", "log: debug", "transport: dpdk", "interfaces: [{transport: udp}]", "workers: {count: 17}", "workers: {cpus: 1}",
		"workers: {priority: 0}", "fast-path: {heard: maybe}", "shutdown-hold: soon", "metrics: {sessions: many}", "capture: {frames: 256}",
		"hooks: [{run: [/bin/true]}]", "hooks: [{on: up}]", "hooks: [{on: ups, run: [/bin/true]}]", "hooks: [{on: up, run: /bin/true}]",
		"hooks: [{on: up, run: [/bin/true], url: 'http://h/'}]", "hooks: [{on: up, run: [/bin/true], rate: 10}]",
		"hooks: [{on: up, url: 'ftp://h/'}]", "hooks: [{on: up, run: [/bin/true], dampening: never}]",
		"gobgp: {from-neighbors: 2}", "gobgp: {api: gobgpd}",
	} {
		if _, err := Parse([]byte(source), "x"); err == nil {
			t.Errorf("%s: Parse takes it", source)
		}
		if valid(t, s, []byte(source)) == nil {
			t.Errorf("%s: the schema takes it", source)
		}
	}
}
