// Command rowtable makes docs/COVERAGE.md, the table of conformance rows and of
// the tests that prove them, from the records that a run of the tests left.
//
//	rowtable [-o docs/COVERAGE.md] DIR      write the table
//	rowtable -check docs/COVERAGE.md DIR    compare it, write nothing
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
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
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("name one directory of records, the one that XBFD_ROWS named")
	}
	records, err := rows.Read(flags.Arg(0))
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return fmt.Errorf("no records in %s: run the tests first (make test)", flags.Arg(0))
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
