// Command slowtests reads what go test -json prints and shows what matters of
// it: the output of failed tests in full, a line for each package, the tests
// skipped with their reasons, the ten slowest, and a last line with the counts.
//
//	go test -json ./... | slowtests [-again 'go test -json -count=1']
//
// It fails when a test failed or did not build, when none ran, and, with
// XBFD_MUST_RUN=1, when one was skipped.
//
// Tests that use the kernel share its processors with each other and with whatever
// else the machine does. With -again the command given runs a few failed ones once
// more, each alone; those that pass then are named in the report.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	again := flag.String("again", "", "run failed tests once more by `command`, to which -run and the package are added")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := newReport(os.Stdout)
	if c := strings.Fields(*again); len(c) > 0 {
		r.again = func(n name) error { return r.command(ctx, c, n) }
	}
	if err := r.run(os.Stdin, os.Getenv("XBFD_MUST_RUN") == "1"); err != nil {
		fmt.Fprintln(os.Stderr, "slowtests:", err)
		os.Exit(1)
	}
}
