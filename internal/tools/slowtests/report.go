package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// slowest is how many tests the list of slow ones names.
const slowest = 10

// event is a line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output, in the place of Package
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// name is a test of a package.
type name struct{ pkg, test string }

func (n name) String() string { return n.pkg + "." + n.test }

// report gathers a run.
type report struct {
	out                     io.Writer
	output                  map[name]*strings.Builder // of tests that have not ended, and of packages
	took                    map[name]time.Duration    // tests without a parent
	failures                map[string]int            // failed tests of a package
	skips                   []string
	passed, failed, skipped int
}

// run copies the essence of in to out and returns why the run is no success.
func run(in io.Reader, out io.Writer, mustRun bool) error {
	r := &report{out: out, output: map[name]*strings.Builder{}, took: map[name]time.Duration{}, failures: map[string]int{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
	r.end()
	switch {
	case r.failed > 0:
		return fmt.Errorf("%d failed", r.failed)
	case mustRun && r.skipped > 0:
		return fmt.Errorf("%d skipped, and XBFD_MUST_RUN is set", r.skipped)
	case r.passed == 0:
		return errors.New("no test ran")
	}
	return nil
}

// line takes one line; what is no event is passed on.
func (r *report) line(line []byte) {
	var e event
	if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
		r.out.Write(line)
		return
	}
	n := name{e.Package, e.Test}
	switch e.Action {
	case "output":
		if r.output[n] == nil {
			r.output[n] = &strings.Builder{}
		}
		r.output[n].WriteString(e.Output)
		return
	case "build-output":
		io.WriteString(r.out, e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	text := ""
	if b := r.output[n]; b != nil {
		text = b.String()
		delete(r.output, n)
	}
	if e.Test == "" {
		r.packageEnded(e, text)
	} else {
		r.testEnded(e, n, text)
	}
}

func (r *report) testEnded(e event, n name, text string) {
	if !strings.Contains(e.Test, "/") {
		r.took[n] = time.Duration(e.Elapsed * float64(time.Second))
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.fail(n.pkg)
		fmt.Fprintf(r.out, "--- failed: %s\n%s", n, text)
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s: %s", n, reason(text)))
	}
}

// packageEnded prints the package's own lines: all when it failed, else the
// one that says so.
func (r *report) packageEnded(e event, text string) {
	if e.Action != "fail" {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		fmt.Fprintln(r.out, lines[len(lines)-1])
		return
	}
	io.WriteString(r.out, text)
	// A test that was running when the process died has no end of its own.
	for _, n := range r.unfinished(e.Package) {
		r.fail(n.pkg)
		fmt.Fprintf(r.out, "--- did not end: %s\n%s", n, r.output[n])
		delete(r.output, n)
	}
	// No test failed: it did not build, or something around the tests failed.
	if r.failures[e.Package] == 0 {
		r.fail(e.Package)
	}
}

func (r *report) fail(pkg string) {
	r.failed++
	r.failures[pkg]++
}

// unfinished returns the tests of a package that have output and no end.
func (r *report) unfinished(pkg string) []name {
	var all []name
	for n := range r.output {
		if n.pkg == pkg && n.test != "" {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b name) int { return strings.Compare(a.test, b.test) })
	return all
}

// reason finds the words given to Skip among a test's output.
func reason(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}

// end prints what is known only at the end.
func (r *report) end() {
	if len(r.skips) > 0 {
		slices.Sort(r.skips)
		fmt.Fprintf(r.out, "\nskipped:\n  %s\n", strings.Join(r.skips, "\n  "))
	}
	var slow []name
	for n := range r.took {
		slow = append(slow, n)
	}
	slices.SortFunc(slow, func(a, b name) int {
		return cmp.Or(cmp.Compare(r.took[b], r.took[a]), strings.Compare(a.String(), b.String()))
	})
	if len(slow) > 0 {
		fmt.Fprintf(r.out, "\nslowest:\n")
		for _, n := range slow[:min(slowest, len(slow))] {
			fmt.Fprintf(r.out, "%8.2fs  %s\n", r.took[n].Seconds(), n)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}
