package metrics_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/metrics"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md")

const manual = "../../docs/metrics.md"

// TestNamesAndTypes: the manual's table is the promise; a name, a type or a label
// that changes breaks somebody's dashboard.
func TestNamesAndTypes(t *testing.T) {
	_, text := scrape(t, metrics.New(controltest.New(echoing()), 10, nil))
	var table strings.Builder
	table.WriteString("| name | type | labels | |\n|---|---|---|---|\n")
	all := families(t, text)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if f := all[name]; strings.HasPrefix(name, "xbfd_") {
			fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), labelsOf(f.GetMetric()[0]), f.GetHelp())
		}
	}
	file, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(file), "<!-- families -->\n")
	got, after, found := strings.Cut(rest, "<!-- end -->\n")
	if !found {
		t.Fatalf("%s has no place for the table", manual)
	}
	if *update {
		if err := os.WriteFile(manual, []byte(before+"<!-- families -->\n"+table.String()+"<!-- end -->\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(got, table.String()); diff != "" {
		t.Errorf("%s (-manual +xbfd):\n%s", manual, diff)
	}
}

func labelsOf(m *dto.Metric) string {
	var names []string
	for _, l := range m.GetLabel() {
		names = append(names, l.GetName())
	}
	return strings.Join(names, ", ")
}
