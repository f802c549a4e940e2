package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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

func (n name) compare(o name) int { return strings.Compare(n.String(), o.String()) }

// report gathers a run.
type report struct {
	out     io.Writer
	again   func(name) error          // runs a failed test once more; nil: none is
	output  map[name]*strings.Builder // of tests that have not ended, and of packages
	took    map[name]time.Duration    // tests without a parent
	results map[name]string           // pass, fail or skip
	reasons map[name]string           // of those skipped
	faults  []string                  // failures that are no test's own
	raced   bool                      // a failed test had a data race
	second  []string                  // tests that failed and then passed
}

func newReport(out io.Writer) *report {
	return &report{
		out: out, output: map[name]*strings.Builder{}, took: map[name]time.Duration{},
		results: map[name]string{}, reasons: map[name]string{},
	}
}

// run shows the essence of in and returns why the run is no success.
func (r *report) run(in io.Reader, mustRun bool) error {
	if err := r.read(in); err != nil {
		return err
	}
	r.tryAgain()
	count := r.end()
	switch {
	case count["fail"] > 0:
		return fmt.Errorf("%d failed", count["fail"])
	case mustRun && count["skip"] > 0:
		return fmt.Errorf("%d skipped, and XBFD_MUST_RUN is set", count["skip"])
	case count["pass"] == 0:
		return errors.New("no test ran")
	}
	return nil
}

// read takes events until there are no more.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
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
	r.results[n] = e.Action
	switch e.Action {
	case "fail":
		fmt.Fprintf(r.out, "--- failed: %s\n%s", n, text)
		r.raced = r.raced || strings.Contains(text, race)
	case "skip":
		r.reasons[n] = reason(text)
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
	unfinished := r.unfinished(e.Package)
	for _, n := range unfinished {
		r.fault("%s did not end", n)
		fmt.Fprintf(r.out, "--- did not end: %s\n%s", n, r.output[n])
		delete(r.output, n)
	}
	// No test failed: it did not build, or something around the tests failed.
	if len(unfinished) == 0 && !r.failedIn(e.Package) {
		r.fault("%s failed, and no test of it", e.Package)
	}
}

func (r *report) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *report) failedIn(pkg string) bool {
	for n, result := range r.results {
		if n.pkg == pkg && result == "fail" {
			return true
		}
	}
	return false
}

// unfinished returns the tests of a package that have output and no end.
func (r *report) unfinished(pkg string) []name {
	var all []name
	for n := range r.output {
		if n.pkg == pkg && n.test != "" {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, name.compare)
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

// end prints what is known only at the end and counts the results.
func (r *report) end() map[string]int {
	count := map[string]int{"fail": len(r.faults)}
	var skips, fails []string
	for n, result := range r.results {
		count[result]++
		switch result {
		case "skip":
			skips = append(skips, fmt.Sprintf("%s: %s", n, r.reasons[n]))
		case "fail":
			fails = append(fails, n.String())
		}
	}
	slices.Sort(skips)
	slices.Sort(fails)
	r.list("skipped", skips)
	r.list("failed", fails)
	r.list("failures beside the tests", r.faults)
	r.list("failed, and passed when run again alone", r.second)
	slow := slices.SortedFunc(maps.Keys(r.took), func(a, b name) int {
		return cmp.Or(cmp.Compare(r.took[b], r.took[a]), a.compare(b))
	})
	var lines []string
	for _, n := range slow[:min(slowest, len(slow))] {
		lines = append(lines, fmt.Sprintf("%6.2fs  %s", r.took[n].Seconds(), n))
	}
	r.list("slowest", lines)
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	return count
}

func (r *report) list(title string, lines []string) {
	if len(lines) > 0 {
		fmt.Fprintf(r.out, "\n%s:\n  %s\n", title, strings.Join(lines, "\n  "))
	}
}
