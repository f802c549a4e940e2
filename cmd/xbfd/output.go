package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/xbfd/xbfd/internal/config"
)

// The values of -o.
var (
	listFormats = []string{"table", "wide", "json", "yaml"}
	oneFormats  = []string{"table", "json", "yaml"}
)

// writer writes one line of what is shown to people.
type writer func(name, format string, args ...any)

// print writes v as JSON or YAML, which have the same keys, or else lets table
// write it for people.
func (e *env) print(format string, v any, table func(io.Writer)) error {
	switch format {
	case "json", "yaml":
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if format == "yaml" {
			if text, err = yaml.JSONToYAML(text); err != nil {
				return fmt.Errorf("encode: %w", err)
			}
		}
		_, err = fmt.Fprintln(e.stdout, strings.TrimSuffix(string(text), "\n"))
		return err
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func interval[T uint32 | uint64](us T) string {
	if us == 0 {
		return "-"
	}
	return config.FormatInterval(uint64(us))
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

func dash(s string) string { return cmp.Or(s, "-") }

// ago returns a span of time for people in its two largest units.
func ago(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// instant returns a time for people, in UTC like the API's.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 MST") }

// when is instant to the second, "-" for never.
func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// counted returns the counters that are not 0, as in "short 1, ttl 2", or "none".
func counted(m map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// plural returns "1 peer", "2 peers".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
