package config

import (
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// The values that a few fields choose from.
var (
	Transports = []string{"auto", "xdp", "xdp-generic", "udp"}
	EchoLoops  = []string{"auto", "ring", "xdp"}
	LogLevels  = []string{"debug", "info", "warn", "error"}
	LogFormats = []string{"text", "json"}

	Schedulings = []string{"normal", "fifo"}
	Waits       = []string{"sleep", "adaptive"}
)

// Parse returns the configuration that source describes; name stands for it in
// messages. The error is an *Error with every problem found.
func Parse(source []byte, name string) (Config, error) {
	return parse(source, &document{name: name})
}

// ParseLive is Parse for a document that does not come from a file. SecretMask
// in it stands for the secret that the key of that id and type has in running;
// files are not read.
func ParseLive(source []byte, name string, running []AuthKey) (Config, error) {
	return parse(source, &document{name: name, running: append([]AuthKey{}, running...)})
}

func parse(source []byte, d *document) (Config, error) {
	name := d.name
	cfg := defaults(name)
	var peers []entry
	var routes []routeEntry
	var groups []groupEntry
	var addresses []addressEntry
	f := fields{
		"control":       d.control(&cfg.Control),
		"log":           d.log(&cfg.Log),
		"metrics":       d.metrics(&cfg.Metrics),
		"transport":     d.choice(&cfg.Transport, Transports),
		"interfaces":    d.interfaces(&cfg.Interfaces),
		"workers":       d.workers(&cfg.Workers),
		"fast-path":     d.fastPath(&cfg.FastPath),
		"capture":       d.capture(&cfg.Capture),
		"dplane":        d.dplane(&cfg.DataPlane),
		"shutdown-hold": d.duration(&cfg.ShutdownHold, MaxShutdownHold),
		sectionEcho:     d.echoSource(&cfg.EchoSource),
		"gobgp":         d.gobgp(&cfg.GoBGP),
		"keys":          d.keys(&cfg.Keys),
		"profiles":      d.profiles(cfg.Profiles),
		"peers":         d.peers(&peers),
		"hooks":         d.hooks(&cfg.Hooks),
		"routes":        d.routes(&routes),
		sectionGroups:   d.nexthopGroups(&groups),
		"addresses":     d.anycast(&addresses),
	}
	d.sections = slices.Sorted(maps.Keys(f))
	if root, ok := d.parse(source); ok {
		at := places{}
		d.mapping(root, d.note(at, f))
		// A profile, a key or the echo source may stand below the peers that use it.
		d.resolveKeys()
		cfg.Peers = d.resolvePeers(peers, &cfg, at)
		d.resolveRoutes(routes, groups, addresses, &cfg)
	}
	if err := d.err(); err != nil {
		return Config{}, err
	}
	sortProblems(d.warnings)
	cfg.Warnings = d.warnings
	return cfg, nil
}

func (d *document) control(into *Control) func(value) {
	return func(v value) {
		v, ok := d.resolve(v)
		if !ok {
			return
		}
		if !isMapping(v) {
			d.path(&into.Path)(v)
			return
		}
		d.mapping(v, fields{
			"path":  d.path(&into.Path),
			"group": d.string(&into.Group),
			"mode":  d.mode(&into.Mode),
		})
	}
}

func isMapping(v value) bool {
	_, ok := v.node.(*ast.MappingNode)
	return ok
}

// isWord tells a scalar that is this one word.
func isWord(v value, word string) bool {
	n, ok := v.node.(ast.ScalarNode)
	return ok && n.GetToken().Value == word
}

// isEmpty tells a key without a value, such as a section whose lines are all
// commented out.
func isEmpty(v value) bool {
	return v.node == nil || v.node.Type() == ast.NullType
}

func (d *document) path(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if ok && !strings.HasPrefix(s, "/") {
			d.fault(v, "%q is not an absolute path: start it with a slash", s)
			return
		}
		*into = s
	}
}

func (d *document) mode(into *fs.FileMode) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		bits, err := strconv.ParseUint(s, 8, 32)
		if err != nil || bits > 0o777 {
			d.fault(v, "%q is not a mode: write octal permissions, as in \"0660\"", s)
			return
		}
		if bits&0o002 != 0 {
			d.warn(v, "%s lets every user of this host change sessions: \"0660\" with a group is safer", s)
		}
		*into = fs.FileMode(bits)
	}
}

func (d *document) log(into *Log) func(value) {
	return func(v value) {
		level := ""
		d.mapping(v, fields{
			"level":  d.choice(&level, LogLevels),
			"format": d.choice(&into.Format, LogFormats),
		})
		if level != "" {
			into.Level = logLevel(level)
		}
	}
}

// logLevel takes one of LogLevels.
func logLevel(name string) (l slog.Level) {
	_ = l.UnmarshalText([]byte(name))
	return l
}

func (d *document) interfaces(into *[]Interface) func(value) {
	return func(v value) {
		lines := map[string]int{}
		d.list(v, func(v value) {
			i := Interface{Transport: DefaultTransport, EchoLoop: DefaultEchoLoop}
			before := len(d.problems)
			d.mapping(v, fields{
				"name":      d.interfaceName(&i.Name),
				"transport": d.choice(&i.Transport, Transports),
				"echo-loop": d.choice(&i.EchoLoop, EchoLoops),
				"rx-queue": func(v value) {
					if n, ok := d.integer(v, 0, MaxQueue); ok {
						i.SteerTo = 1 + n
					}
				},
			})
			switch line, twice := lines[i.Name]; {
			case len(d.problems) > before:
			case i.Name == "":
				d.fault(v, "has no name: say which interface it is about")
			case twice:
				d.fault(v, "%s stands on line %d already: keep one of them", i.Name, line)
			default:
				lines[i.Name] = d.line(v)
				*into = append(*into, i)
			}
		})
	}
}

func (d *document) line(v value) int {
	if tk := start(v.node); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 0
}

func (d *document) interfaceName(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if ok && !validInterface(s) {
			d.fault(v, "%q cannot be the name of an interface: at most 15 characters, no space, '/' or ':'", s)
			return
		}
		*into = s
	}
}

func (d *document) workers(into *Workers) func(value) {
	return func(v value) {
		count := 0
		var least *uint32
		d.mapping(v, fields{
			"count":            d.number(&count, 1, MaxWorkers),
			"cpus":             d.cpus(&into.CPUs),
			"capacity":         d.number(&into.Capacity, 0, math.MaxInt32),
			"minimum-interval": d.interval(&least),
			"scheduling":       d.choice(&into.Scheduling, Schedulings),
			"priority":         d.number(&into.Priority, 1, MaxPriority),
			"wait":             d.choice(&into.Wait, Waits),
		})
		into.MinInterval = or(least, 0)
		if into.Adaptive() && into.FIFO() > 0 {
			d.fault(v, "wait: adaptive does not go with scheduling: fifo, because a real-time thread that looks for packets "+
				"instead of sleeping would have its CPU for itself: use one of the two")
		}
		switch cpus := len(into.CPUs); {
		case cpus > MaxWorkers:
			d.fault(v, "%d CPUs are listed, but there can be %d workers at most", cpus, MaxWorkers)
		case cpus > 0 && count > 0 && cpus != count:
			d.fault(v, "count is %d but cpus lists %d: list one CPU for each worker, or leave one of the keys out", count, cpus)
		default:
			into.Count = max(count, cpus, 1)
		}
	}
}

func (d *document) cpus(into *[]int) func(value) {
	return func(v value) {
		d.list(v, func(v value) {
			n, ok := d.integer(v, 0, 4095)
			if ok && slices.Contains(*into, n) {
				d.fault(v, "CPU %d stands twice: give each worker its own", n)
			}
			*into = append(*into, n)
		})
	}
}
