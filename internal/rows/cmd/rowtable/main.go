// Command rowtable makes docs/COVERAGE.md, the table of conformance rows and of
// the tests that prove them, from the records that a run of the tests left.
//
//	rowtable [-o docs/COVERAGE.md] DIR...     write the table
//	rowtable -check docs/COVERAGE.md DIR...   compare it, write nothing
//	rowtable -guests docs/COVERAGE.md DIR...  compare what tests in virtual machines prove
//
// Those tests run apart from the others. Where the directories have no record of
// theirs, what the committed table says of them stands; -guests holds it against the
// records, and leaves out the tests of the host.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/internal/rows"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rowtable:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("rowtable", flag.ContinueOnError)
	out := flags.String("o", "docs/COVERAGE.md", "write the table to `file`")
	committed := flags.String("check", "", "compare with the table in `file` instead of writing")
	guests := flags.String("guests", "", "compare only what virtual machines prove with the table in `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("name the directories of records, such as the one that XBFD_ROWS named")
	}
	var records []rows.Record
	for _, dir := range flags.Args() {
		list, err := rows.Read(dir)
		if err != nil {
			return err
		}
		records = append(records, list...)
	}
	if *guests != "" {
		return checkGuests(*guests, records)
	}
	if len(records) == 0 {
		return fmt.Errorf("no records in %s: run the tests first (make test)", strings.Join(flags.Args(), ", "))
	}
	path := *out
	if *committed != "" {
		path = *committed
	}
	if !slices.ContainsFunc(records, ofGuest) {
		stand, err := readGuests(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		records = append(records, stand...)
	}
	table := newCoverage(rows.All(), records).render()
	if *committed != "" {
		return check(*committed, table)
	}
	return os.WriteFile(*out, []byte(table), 0o644)
}

// check fails when table, made of this run, is not the committed one; a row
// whose tests are all gone is named.
func check(path, table string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read committed table: %w", err)
	}
	committed := string(b)
	before, now := covered(committed), covered(table)
	var lost []string
	for _, r := range rows.All() {
		if before[r.ID] && !now[r.ID] {
			lost = append(lost, r.ID)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%s: rows no test proves any more: %s", path, strings.Join(lost, ", "))
	}
	if committed != table {
		return fmt.Errorf("%s differs from what this run of the tests showed: run make rows", path)
	}
	return nil
}
