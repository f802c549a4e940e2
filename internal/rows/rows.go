// Package rows ties tests to the requirements they prove.
//
// A requirement is a row with an identifier such as 5880-6.8.6-01: RFC, section,
// number. A test calls Covers after the assertions that prove the row. When the
// test passes and XBFD_ROWS names a directory, a record is left there;
// cmd/rowtable makes docs/COVERAGE.md of the records, so the table says what a
// run of the tests showed and not what somebody meant to test.
//
// Only tests import this package.
package rows

import (
	_ "embed"
	"strings"
	"sync"
)

// Row is one requirement.
type Row struct {
	ID       string
	Level    string // MUST, SHOULD, MAY and their negations; lower case: by position, without the keyword
	Observed string // W on the wire, A through the API, I by a unit test; joined by commas
	Priority string // 1 first, 3 last; "-" for operational data to expose
	Needs    string // the feature that the row waits for; empty when it can be tested now
	Text     string // the requirement in a few words
}

//go:embed rows.tsv
var table string

// All returns every row in the order of the table. The slice is shared: do not
// change it.
var All = sync.OnceValue(func() []Row {
	var all []Row
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) == 6 {
			all = append(all, Row{ID: f[0], Level: f[1], Observed: f[2], Priority: f[3], Needs: f[4], Text: f[5]})
		}
	}
	return all
})

var byID = sync.OnceValue(func() map[string]Row {
	m := make(map[string]Row)
	for _, r := range All() {
		m[r.ID] = r
	}
	return m
})

// Known tells whether id is a row of the table.
func Known(id string) bool {
	_, ok := byID()[id]
	return ok
}
