// Command slowtests reads what go test -json prints and shows what matters of
// it: the output of failed tests in full, a line for each package, the tests
// skipped with their reasons, the ten slowest, and a last line with the counts.
//
//	go test -json ./... | slowtests
//
// It fails when a test failed or did not build, when none ran, and, with
// XBFD_MUST_RUN=1, when one was skipped.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout, os.Getenv("XBFD_MUST_RUN") == "1"); err != nil {
		fmt.Fprintln(os.Stderr, "slowtests:", err)
		os.Exit(1)
	}
}
