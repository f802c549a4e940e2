package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// fewFailed is how many failed tests get another chance: more of them are no bad
// moment of the machine's.
const fewFailed = 5

// race is what the race detector says. What it has found once is there, whether it is
// found again or not.
const race = "WARNING: DATA RACE"

// tryAgain runs failed tests once more and has the second result stand for the first.
func (r *report) tryAgain() {
	failed := r.failedTests()
	if r.again == nil || r.raced || len(r.faults) > 0 || len(failed) > fewFailed {
		return
	}
	for _, n := range failed {
		fmt.Fprintf(r.out, "--- once more, alone: %s\n", n)
		r.forget(n)
		if err := r.again(n); err != nil {
			r.fault("run %s again: %v", n, err)
			return
		}
		switch r.results[n] {
		case "pass":
			r.second = append(r.second, n.String())
		case "":
			r.fault("%s did not run again", n)
		}
	}
}

// failedTests returns the failed tests that have no parent.
func (r *report) failedTests() (failed []name) {
	for n, result := range r.results {
		if result == "fail" && !strings.Contains(n.test, "/") {
			failed = append(failed, n)
		}
	}
	slices.SortFunc(failed, name.compare)
	return failed
}

// forget drops the results of a test and of its subtests.
func (r *report) forget(n name) {
	for other := range r.results {
		if other.pkg == n.pkg && (other.test == n.test || strings.HasPrefix(other.test, n.test+"/")) {
			delete(r.results, other)
		}
	}
}

// command runs one test and reads what comes of it. A test that fails is no error.
func (r *report) command(ctx context.Context, command []string, n name) error {
	c := exec.CommandContext(ctx, command[0], slices.Concat(command[1:], []string{"-run", "^" + n.test + "$", n.pkg})...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if err := r.read(out); err != nil {
		return err
	}
	if err := c.Wait(); err != nil && len(r.failedTests()) == 0 {
		return err
	}
	return nil
}
