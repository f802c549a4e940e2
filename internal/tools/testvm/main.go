// Command testvm runs the tests that take other kernels than the host's in virtual
// machines, and prints what go test -json would:
//
//	testvm [-dir bin/vm] [-guests '^6\.1$'] [-suites guest] [-run TestMatrix] | slowtests
//
// With nothing chosen it makes the matrix of kernels and drivers as well, prints it
// on standard error, and fails where it is not the committed one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/xbfd/xbfd/internal/vm"
)

func main() {
	o := vm.Options{Events: os.Stdout, Log: os.Stderr}
	flag.StringVar(&o.Dir, "dir", "bin/vm", "keep kernels, programs and results in `directory`")
	flag.StringVar(&o.Committed, "committed", "docs/kernels.md", "compare the matrix with that in `file`")
	flag.StringVar(&o.Tests, "run", "", "run only the tests that match `regexp`")
	flag.Func("guests", "boot only the guests that match `regexp`", pattern(&o.Guests))
	flag.Func("suites", "run only the suites that match `regexp`", pattern(&o.Suites))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := vm.Run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "testvm:", err)
		os.Exit(1)
	}
}

func pattern(to **regexp.Regexp) func(string) error {
	return func(text string) (err error) {
		*to, err = regexp.Compile(text)
		return err
	}
}
