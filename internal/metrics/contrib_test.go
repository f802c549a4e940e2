package metrics_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/metrics"
)

// word finds the names in an expression, strings and label matchers aside.
var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	braces = regexp.MustCompile(`\{[^}]*\}`)
	word   = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	prefix = regexp.MustCompile(`^(xbfd|go|process)_`)
)

// names returns the metrics that an expression is about.
func names(expr string) (found []string) {
	for _, w := range word.FindAllString(braces.ReplaceAllString(quoted.ReplaceAllString(expr, ""), ""), -1) {
		if prefix.MatchString(w) {
			found = append(found, w)
		}
	}
	return found
}

// TestContribNames: the dashboard and the alerts ask for what there is, and every
// expression asks for something.
func TestContribNames(t *testing.T) {
	_, text := scrape(t, metrics.New(controltest.New(echoing()), 10, nil))
	exists := map[string]bool{}
	for name, f := range families(t, text) {
		exists[name] = true
		exists[name+"_count"] = f.GetType().String() == "SUMMARY"
	}
	check := func(where, expr string) {
		t.Helper()
		asked := names(expr)
		if len(asked) == 0 && !strings.HasPrefix(expr, "up{") && expr != "prometheus" {
			t.Errorf("%s: %q asks for nothing", where, expr)
		}
		for _, name := range asked {
			if !exists[name] {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
	}
	for where, expr := range alerts(t) {
		check(where, expr)
	}
	for where, expr := range dashboard(t) {
		check(where, expr)
	}
}

// alerts returns the expressions of the alerts by their names.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	found := map[string]string{}
	source, err := os.ReadFile("../../contrib/alerts.yaml")
	if err == nil {
		err = yaml.Unmarshal(source, &file)
	}
	if err != nil || len(file.Groups) == 0 {
		t.Fatalf("alerts: %v", err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if _, twice := found[r.Alert]; twice || r.Alert == "" {
				t.Errorf("alert %q stands twice or has no name", r.Alert)
			}
			found[r.Alert] = r.Expr
		}
	}
	return found
}

// dashboard returns the expressions of the dashboard's panels and variables.
func dashboard(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Templating struct {
			List []struct{ Name, Query string }
		}
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	found := map[string]string{}
	source, err := os.ReadFile("../../contrib/grafana.json")
	if err == nil {
		err = json.Unmarshal(source, &file)
	}
	if err != nil || len(file.Panels) == 0 || len(file.Templating.List) == 0 {
		t.Fatalf("dashboard: %v", err)
	}
	for _, p := range file.Panels {
		for _, target := range p.Targets {
			found[p.Title+" "+target.RefID] = target.Expr
		}
	}
	for _, v := range file.Templating.List {
		found["$"+v.Name] = v.Query
	}
	return found
}
