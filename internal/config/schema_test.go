package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateSchema = flag.Bool("update-schema", false, "write docs/xbfd.schema.json")

// The schema is made from the Document's types, the values below, which say what
// each key takes, and the tables of the reference, which say what it is for.
const (
	schemaFile    = "../../docs/xbfd.schema.json"
	referenceFile = "../../docs/configuration.md"
)

type object = map[string]any

func integers(low, high int64) object {
	return object{"type": "integer", "minimum": low, "maximum": high}
}

func words(list []string) object { return object{"enum": list} }

func oneOrMore(item object) object {
	return object{"anyOf": []any{item, object{"type": "array", "items": item}}}
}

// either is a scalar that stands for a whole section, or the section.
func either(scalar object) func(object) object {
	return func(section object) object { return object{"anyOf": []any{scalar, section}} }
}

var (
	boolean  = object{"type": "boolean"}
	text     = object{"type": "string"}
	absolute = object{"type": "string", "pattern": "^/"}
	optional = object{"type": "string", "pattern": "^(/|$)"}
	device   = object{"type": "string", "pattern": `^[^\s/:]{1,15}$`}
	address  = object{"type": "string", "pattern": `^[0-9A-Fa-f:.]+(%[^\s/:]+)?$`}
	prefix   = object{"type": "string", "pattern": `^[0-9A-Fa-f:.]+/[0-9]+$`}
	interval = object{"anyOf": []any{
		object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?(us|µs|μs|ms|s)$|^[0-9]+$`},
	}}
	secret = object{"type": []string{"string", "integer", "number", "boolean"}}
)

// leaves say what a key takes that is no section of others.
var leaves = map[string]object{
	"control.path": absolute, "control.group": {"type": []string{"string", "integer"}}, "control.mode": {"type": []string{"string", "integer"}},
	"log.level": words(LogLevels), "log.format": words(LogFormats),
	"metrics.listen": text, "metrics.sessions": integers(0, math.MaxInt32),
	"transport": words(Transports), "shutdown-hold": interval,
	"interfaces.name": device, "interfaces.transport": words(Transports), "interfaces.echo-loop": words(EchoLoops),
	"interfaces.rx-queue": integers(0, MaxQueue),
	"workers.count":       integers(1, MaxWorkers), "workers.cpus": {"type": "array", "items": integers(0, 4095), "maxItems": MaxWorkers, "uniqueItems": true},
	"workers.capacity": integers(0, math.MaxInt32), "workers.minimum-interval": interval,
	"workers.scheduling": words(Schedulings), "workers.priority": integers(1, MaxPriority), "workers.wait": words(Waits),
	"fast-path.heard": words(Switches), "fast-path.insurance": words(Switches), "fast-path.live-transmit": words(Switches),
	"fast-path.dead-man": interval,
	"capture.frames":     integers(0, maxCaptureFrames), "capture.pool": integers(minCapturePool, maxCapturePool),
	"capture.on-down": optional, "capture.show-passwords": boolean,
	"dplane.connect": {"type": "string", "pattern": `^(unix|ipv4|ipv6):`}, "dplane.listen": {"type": "string", "pattern": `^(unix|ipv4|ipv6):`},
	"dplane.hold": interval, "dplane.group": {"type": []string{"string", "integer"}},
	"echo-source.interface": device, "echo-source.address": {"anyOf": []any{address, object{"type": "array", "items": address, "maxItems": 2}}},
	"gobgp.api": {"type": "string", "pattern": `^(unix:/.*|.+:[0-9]+)$`}, "gobgp.from-neighbors": boolean, "gobgp.profile": text,
	"keys.id": integers(0, math.MaxUint32), "keys.type": words(KeyTypes),
	"keys.secret": secret, "keys.secret-hex": secret, "keys.secret-file": absolute,
	"peers.peer": address, "peers.local-address": address, "peers.interface": device, "peers.vrf": text, "peers.profile": text,
	"peers.multihop": boolean, "peers.unaffiliated-echo": boolean,
	"peers.transmit-interval": interval, "peers.receive-interval": interval, "peers.detect-multiplier": integers(1, 255),
	"peers.passive-mode": boolean, "peers.shutdown": boolean, "peers.hold-down": boolean, "peers.hold-off": interval,
	"peers.echo-mode": boolean, "peers.echo-transmit-interval": interval,
	"peers.echo-receive-interval": {"anyOf": []any{interval, object{"const": wordDisabled}}},
	"peers.demand-mode":           boolean, "peers.demand-poll-interval": interval, "peers.minimum-ttl": integers(1, 255),
	"peers.strict-interface": boolean, "peers.congestion-ceiling": interval, "peers.dscp": integers(0, maxDSCP),
	"hooks.name": {"type": "string", "pattern": hookName.String()}, "hooks.on": oneOrMore(words(HookEvents)),
	"hooks.run": {"type": "array", "items": text, "minItems": 1, "maxItems": maxHookArguments}, "hooks.url": {"type": "string", "pattern": "^https?://"},
	"hooks.header.name": text, "hooks.header.secret": text, "hooks.header.secret-file": absolute,
	"hooks.peer": oneOrMore(address), "hooks.interface": oneOrMore(device), "hooks.profile": oneOrMore(text),
	"hooks.timeout": interval, "hooks.rate": {"type": "string", "pattern": "^[0-9]+/[smh]$"},
	"hooks.concurrency": integers(1, maxHookConcurrency), "hooks.retries": integers(0, maxHookRetries),
	"hooks.dampening.wait": interval, "hooks.dampening.maximum": interval,
	"peers.auth.key": integers(0, math.MaxUint32), "peers.auth.bfd-key-id": integers(0, 255),
	"routes.prefix": prefix, "routes.metric": integers(1, math.MaxUint32), "routes.source": address, "routes.profile": text,
	"routes.vrf": device, "nexthop-groups.vrf": device, "addresses.vrf": device,
	"routes.table": {"anyOf": []any{integers(1, math.MaxUint32), object{"const": "main"}}},
	"routes.hold":  interval, "routes.initial": words(Initials), "routes.admin-down": words(AdminDowns), "routes.on-exit": words(OnExits),
	"routes.on-down": {"anyOf": []any{object{"const": wordRemove}, object{
		"type": "object", "additionalProperties": false, "required": []string{fieldRaise},
		"properties": object{fieldRaise: integers(1, math.MaxUint32)},
	}}},
	"routes.nexthop-group": integers(1, maxGroupID),
	"nexthop-groups.id":    integers(1, maxGroupID), "nexthop-groups.profile": text, "nexthop-groups.hold": interval,
	"nexthop-groups.initial": words(Initials), "nexthop-groups.admin-down": words(AdminDowns), "nexthop-groups.on-exit": words(OnExits),
	"nexthop-groups.via.gateway": address, "nexthop-groups.via.weight": integers(1, maxWeight), "nexthop-groups.via.interface": device,
	"nexthop-groups.via.peer": address, "nexthop-groups.via.local-address": address, "nexthop-groups.via.multihop": boolean,
	"nexthop-groups.via.profile": text,
	"routes.via.gateway":         address, "routes.via.weight": integers(1, maxWeight), "routes.via.interface": device, "routes.via.peer": address,
	"routes.via.local-address": address, "routes.via.multihop": boolean, "routes.via.profile": text,
	"addresses.address": prefix, "addresses.interface": device, "addresses.require": words(Requires), "addresses.profile": text,
	"addresses.hold": interval, "addresses.initial": words(Initials), "addresses.admin-down": words(AdminDowns), "addresses.on-exit": words(OnExits),
	"addresses.peers.peer": address, "addresses.peers.interface": device, "addresses.peers.local-address": address,
	"addresses.peers.multihop": boolean, "addresses.peers.profile": text,
}

// sections are what is more than its keys: what may stand in their place, and
// how many of them there have to be. The rest may be empty, as in a file whose
// lines are commented out.
var sections = map[string]func(object) object{
	"control":    either(absolute),
	"peers.auth": either(object{"const": wordNone}),
	"echo-source": func(s object) object {
		s["minProperties"], s["maxProperties"] = 1, 1
		return s
	},
	"keys": func(s object) object {
		s["minProperties"], s["maxProperties"] = 3, 3
		return s
	},
	"interfaces": func(s object) object { return s },
	"dplane":     func(s object) object { return s },
	"peers":      func(s object) object { return s },
	"hooks": func(s object) object {
		s["oneOf"] = []any{object{"required": []string{"run"}}, object{"required": []string{"url"}}}
		return s
	},
	"hooks.header": func(s object) object {
		s["minProperties"], s["maxProperties"] = 2, 2
		return s
	},
	"hooks.dampening": either(object{"enum": []any{wordOff, false}}),
	"nexthop-groups":  func(s object) object { return s },
	"routes": func(s object) object {
		s["oneOf"] = []any{object{"required": []string{"via"}}, object{"required": []string{"nexthop-group"}}}
		return s
	},
	"addresses": func(s object) object { return s },

	"routes.via":         either(address),
	"nexthop-groups.via": either(address),
	"addresses.peers":    either(address),
}

// schemaOf returns the schema of a type whose keys stand below a path.
func schemaOf(t testing.TB, typ reflect.Type, path string, about map[string]string) object {
	switch typ.Kind() {
	case reflect.Pointer:
		return schemaOf(t, typ.Elem(), path, about)
	case reflect.Slice:
		return object{"type": []string{"array", "null"}, "items": schemaOf(t, typ.Elem(), path, about)}
	case reflect.Map:
		of := schemaOf(t, typ.Elem(), "peers", about) // a profile has a peer's settings
		of["type"] = []string{"object", "null"}
		delete(of, "required")
		return object{"type": []string{"object", "null"}, "additionalProperties": of, "propertyNames": object{"minLength": 1}}
	}
	s := object{"type": "object", "additionalProperties": false, "properties": object{}}
	var required []string
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := strings.TrimPrefix(path+"."+name, ".")
		if options == "" {
			required = append(required, name)
		}
		one, leaf := leaves[at]
		if !leaf {
			one = schemaOf(t, f.Type, at, about)
		}
		one = maps.Clone(one)
		if what := about[at]; what != "" {
			one["description"] = what
		}
		s["properties"].(object)[name] = one
	}
	if required != nil {
		s["required"] = required
	}
	if more, special := sections[path]; special {
		return more(s)
	}
	s["type"] = []string{"object", "null"}
	return s
}

var (
	tableRow = regexp.MustCompile("(?m)^\\| `([a-z.-]+)` \\|(?: ([^|]*) \\|)? (.*) \\|$")
	link     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// reference returns what the tables of the reference say of each key.
func reference(t testing.TB) map[string]string {
	t.Helper()
	source, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	keys, _, found := strings.Cut(string(source), "\n## What a change does")
	if !found {
		t.Fatalf("%s has no section about changes", referenceFile)
	}
	section := ""
	about := map[string]string{}
	for line := range strings.Lines(keys) {
		switch strings.TrimSpace(line) {
		case "### A peer":
			section = "peers."
		case "### Keys":
			section = "keys."
		case "### Hooks":
			section = "hooks."
		case "### Routes":
			section = "routes."
		case "### Nexthop groups":
			section = "nexthop-groups."
		case "### Addresses":
			section = "addresses."
		}
		if m := tableRow.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			what := link.ReplaceAllString(m[3], "$1")
			if value := m[2]; value != "" && value != "–" {
				what += " Default: " + value + "."
			}
			about[section+m[1]] = strings.ReplaceAll(what, "`", "")
		}
	}
	return about
}

func schema(t testing.TB) []byte {
	t.Helper()
	s := schemaOf(t, reflect.TypeFor[Document](), "", reference(t))
	s["$schema"], s["$id"] = "https://json-schema.org/draft/2020-12/schema", "https://github.com/xbfd/xbfd/docs/xbfd.schema.json"
	s["title"], s["description"] = "xbfd", "The configuration file of xbfd. What a schema cannot say, xbfd config check does."
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The published schema is that of the types, and of what the reference says.
func TestSchema(t *testing.T) {
	got := schema(t)
	if *updateSchema {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not of this version: go test ./internal/config -run TestSchema -update-schema writes it\n%s", schemaFile, diff)
	}
}
