package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/internal/rows"
)

// guestPackages is where the tests are that run in virtual machines.
const guestPackages = "internal/vm/"

func ofGuest(r rows.Record) bool { return strings.HasPrefix(r.Package, guestPackages) }

// readGuests returns what a rendered table says of tests in virtual machines.
func readGuests(path string) (records []rows.Record, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, body, _ := strings.Cut(string(b), tableHead)
	for line := range strings.Lines(body) {
		f := strings.Split(line, " | ")
		if len(f) != 6 {
			continue
		}
		for name := range strings.SplitSeq(f[4], ", ") {
			dot := strings.LastIndexByte(name, '.')
			r := rows.Record{Row: strings.TrimPrefix(f[0], "| "), Layer: rows.Wire}
			if dot >= 0 {
				r.Package, r.Test = name[:dot], name[dot+1:]
			}
			if ofGuest(r) {
				records = append(records, r)
			}
		}
	}
	return records, nil
}

// checkGuests fails when the records of a run in virtual machines are not those of the
// committed table.
func checkGuests(path string, records []rows.Record) error {
	committed, err := readGuests(path)
	if err != nil {
		return fmt.Errorf("read committed table: %w", err)
	}
	records = slices.DeleteFunc(records, func(r rows.Record) bool { return !ofGuest(r) })
	now, before := newCoverage(rows.All(), records), newCoverage(rows.All(), committed)
	var differ []string
	for _, r := range rows.All() {
		if !slices.Equal(now.tests[r.ID], before.tests[r.ID]) {
			differ = append(differ, fmt.Sprintf("%s (%s, now %s)", r.ID, list(before.tests[r.ID]), list(now.tests[r.ID])))
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("%s says otherwise of what virtual machines prove: run make test, make test-vm, make rows: %s", path, strings.Join(differ, "; "))
	}
	return nil
}
