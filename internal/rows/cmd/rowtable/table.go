package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/internal/rows"
)

// coverage is what a run of the tests showed of the rows.
type coverage struct {
	rows   []rows.Row
	tests  map[string][]string // row -> tests that prove it, sorted
	layers map[string][]string // row -> layers it was proven on, sorted
}

func newCoverage(all []rows.Row, records []rows.Record) *coverage {
	c := &coverage{rows: all, tests: map[string][]string{}, layers: map[string][]string{}}
	for _, r := range records {
		// Subtests come and go with their tables: the table names their parent.
		name, _, _ := strings.Cut(r.Test, "/")
		c.tests[r.Row] = insert(c.tests[r.Row], r.Package+"."+name)
		c.layers[r.Row] = insert(c.layers[r.Row], string(r.Layer))
	}
	return c
}

// insert adds s to the sorted list unless it is there.
func insert(list []string, s string) []string {
	i, found := slices.BinarySearch(list, s)
	if found {
		return list
	}
	return slices.Insert(list, i, s)
}

const preamble = `# Coverage

Made by ` + "`make rows`" + ` from a run of the tests; do not edit. A test appears beside a row only if
it passed. Row identifiers are RFC, section, number. P is the priority, 1 first. A row is proven on layer
virtual by a value, a codec or the simulator, on layer wire by real frames, namespaces or processes.

`

const tableHead = "| Row | Level | P | Requirement | Tests | Layer |\n|---|---|---|---|---|---|\n"

// render returns the whole document; the same records in any order give the
// same document.
func (c *coverage) render() string {
	var b strings.Builder
	b.WriteString(preamble)
	c.summary(&b)
	b.WriteString("## Rows\n\n" + tableHead)
	for _, r := range c.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, r.Level, r.Priority, r.Text,
			strings.Join(c.tests[r.ID], ", "), strings.Join(c.layers[r.ID], ", "))
	}
	return b.String()
}

func (c *coverage) summary(b *strings.Builder) {
	b.WriteString("## Summary\n\n| P | Rows | Covered |\n|---|---|---|\n")
	for _, p := range []string{"1", "2", "3", "-"} {
		total, proven := 0, 0
		for _, r := range c.rows {
			if r.Priority == p {
				total++
				proven += min(1, len(c.tests[r.ID]))
			}
		}
		fmt.Fprintf(b, "| %s | %d | %d |\n", p, total, proven)
	}
	var scope int
	var missing, waiting []string
	for _, r := range c.rows {
		proven := len(c.tests[r.ID]) > 0
		switch {
		case r.Priority != "1":
		case !proven && r.Needs != "":
			waiting = append(waiting, r.ID+" ("+r.Needs+")")
		default:
			if scope++; !proven {
				missing = append(missing, r.ID)
			}
		}
	}
	fmt.Fprintf(b, "\nP 1 rows in scope: %d, covered %d, missing %d: %s.\n", scope, scope-len(missing), len(missing), list(missing))
	fmt.Fprintf(b, "\nP 1 rows that wait for a feature: %s.\n\n", list(waiting))
}

func list(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	return strings.Join(ids, ", ")
}

// covered returns the rows that a rendered table has tests for.
func covered(table string) map[string]bool {
	m := map[string]bool{}
	_, body, _ := strings.Cut(table, tableHead)
	for line := range strings.Lines(body) {
		if f := strings.Split(line, " | "); len(f) == 6 && strings.TrimSpace(f[4]) != "" {
			m[strings.TrimPrefix(f[0], "| ")] = true
		}
	}
	return m
}
