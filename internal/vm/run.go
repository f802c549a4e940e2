package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/xbfd/xbfd/internal/vm/matrix"
	"github.com/xbfd/xbfd/internal/vm/plan"
)

// Options says what Run runs.
type Options struct {
	Dir       string         // kernels, programs, consoles and results go here
	Committed string         // the document that the matrix is compared with
	Guests    *regexp.Regexp // which guests; nil for all
	Suites    *regexp.Regexp // which suites of them; nil for all
	Tests     string         // which tests of each, as -test.run; "" for all
	Events    io.Writer      // gets what go test -json would print
	Log       io.Writer      // for people
}

// whole reports whether everything is to run, so that the matrix can be judged.
func (o Options) whole() bool { return o.Guests == nil && o.Suites == nil && o.Tests == "" }

// Matrix is the file in Options.Dir that the document is written to, and Rows the
// directory below it for the records of package rows.
const (
	Matrix = "kernels.md"
	Rows   = "rows"
)

// Run boots the guests one after the other, writes the matrix into Options.Dir, and
// compares it. What tests found wrong is in the events; the error says that something
// is wrong at all.
func Run(ctx context.Context, o Options) error {
	r := &run{Options: o, cells: matrix.Matrix{}}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for _, g := range r.guests {
		r.check("Guest/"+g.Name, r.boot(ctx, g))
	}
	if o.whole() {
		r.check("Matrix", r.judge())
	}
	if r.failed > 0 {
		return fmt.Errorf("%d checks failed", r.failed)
	}
	return nil
}

type run struct {
	Options
	guests   []Guest
	binaries map[string]*Binaries // by the machine that they are for
	cells    matrix.Matrix
	failed   int
}

// check notes how a step of the host's ended.
func (r *run) check(name string, err error) {
	verdict(r.Events, name, err)
	if err != nil {
		r.failed++
	}
}

// prepare chooses the guests, and compiles what they run.
func (r *run) prepare(ctx context.Context) error {
	suites := make(map[string][]Suite)
	for _, g := range Guests {
		if r.Guests != nil && !r.Guests.MatchString(g.Name) {
			continue
		}
		chosen := g
		chosen.Suites = nil
		for _, s := range g.Suites {
			if r.Suites != nil && !r.Suites.MatchString(s.Name) {
				continue
			}
			if r.Tests != "" {
				s.Run, s.Skip = r.Tests, ""
			}
			chosen.Suites = append(chosen.Suites, s)
		}
		if len(chosen.Suites) > 0 {
			r.guests = append(r.guests, chosen)
			suites[g.Kernel.arch()] = append(suites[g.Kernel.arch()], chosen.Suites...)
		}
	}
	if len(r.guests) == 0 {
		return errors.New("no guest has these tests")
	}
	if err := Require(r.guests); err != nil {
		return err
	}
	if r.whole() {
		if err := os.RemoveAll(filepath.Join(r.Dir, Rows)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(r.Dir, Rows), 0o755); err != nil {
		return err
	}
	r.binaries = make(map[string]*Binaries)
	for arch, list := range suites {
		dir := filepath.Join(r.Dir, arch)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		b, err := Build(ctx, arch, dir, list)
		if err != nil {
			return err
		}
		r.binaries[arch] = b
	}
	return nil
}

// attempts is how often a guest may run. An emulated one, on a machine that others
// share, now and then stands still for longer than its sessions bear. And its processors,
// emulated side by side, now and then run what the kernel has just patched in its own
// code: 6.12 ends by "Oops: int3" in bpf_dispatcher_xdp_func, which it patches whenever
// an XDP program comes or goes anywhere.
const attempts = 3

// boot runs one guest, and tells how it was the last time.
func (r *run) boot(ctx context.Context, g Guest) error {
	kernel, err := g.Kernel.Fetch(ctx, filepath.Join(r.Dir, "kernels"))
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		path := filepath.Join(r.Dir, fmt.Sprintf("%s.%d.json", g.Name, n))
		a := r.attempt(ctx, g, kernel, path)
		if (len(a.failed) > 0 || a.err != nil) && n < attempts && ctx.Err() == nil {
			fmt.Fprintf(r.Log, "guest %s: once more; %v failed, %v: %s has it all\n", g.Name, a.failed, a.err, path)
			continue
		}
		errs := []error{a.err}
		for _, m := range a.told {
			errs = append(errs, r.take(g, m))
		}
		text, err := os.ReadFile(path)
		if err == nil {
			_, err = r.Events.Write(text)
		}
		return errors.Join(append(errs, err)...)
	}
}

// attempt is what came of running a guest once.
type attempt struct {
	told   []plan.Message // but for what tests print
	failed []string       // suites
	err    error
}

// attempt runs a guest once and writes what tests print into the file path.
func (r *run) attempt(ctx context.Context, g Guest, kernel *Unpacked, path string) (a attempt) {
	binaries := r.binaries[g.Kernel.arch()]
	how := Choose(ctx, kernel, binaries, r.Dir)
	began := time.Now()
	fmt.Fprintf(r.Log, "guest %s: %s, by %s\n", g.Name, kernel.Package, how)
	out, err := os.Create(path)
	if err != nil {
		a.err = err
		return a
	}
	defer out.Close()
	events := newEvents(out, g.Name)
	err = g.Boot(ctx, how, kernel, binaries, r.Dir, func(m plan.Message) {
		events.take(m)
		if m.Output == nil {
			a.told = append(a.told, m)
		}
	})
	fmt.Fprintf(r.Log, "guest %s: took %.0f s\n", g.Name, time.Since(began).Seconds())
	a.err = errors.Join(err, events.close())
	a.failed = events.failed
	return a
}

// take takes what of a message is not the output of tests. The cells are kept by guest
// as well, for who looks into a run of few.
func (r *run) take(g Guest, m plan.Message) error {
	switch {
	case m.Hello != nil && len(m.Hello.Faults) > 0:
		return fmt.Errorf("prepare the guest: %s", strings.Join(m.Hello.Faults, "; "))
	case m.File == nil:
		return nil
	case m.File.Name == plan.Cells:
		return errors.Join(r.cells.Add(m.File.Text), os.WriteFile(filepath.Join(r.Dir, g.Name+".cells"), m.File.Text, 0o644))
	case !r.whole(): // the records of the last whole run stand
		return nil
	default:
		return r.keepRows(m.File)
	}
}

// keepRows keeps the records of rows that only guests prove: the host's tests make
// those of the other packages.
func (r *run) keepRows(left *plan.Left) error {
	f, err := os.OpenFile(filepath.Join(r.Dir, Rows, filepath.Base(left.Name)), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for line := range strings.Lines(string(left.Text)) {
		if strings.Contains(line, "\tinternal/vm/") {
			if _, err := f.WriteString(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge writes the matrix and says what is wrong with it.
func (r *run) judge() error {
	var places []matrix.Place
	for _, g := range Guests {
		places = append(places, g.places()...)
	}
	path := filepath.Join(r.Dir, Matrix)
	text := r.cells.Render()
	fmt.Fprintln(r.Log, text)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	if names := r.cells.Untested(places); len(names) > 0 {
		return fmt.Errorf("not tested:\n  %s", strings.Join(names, "\n  "))
	}
	committed, err := os.ReadFile(r.Committed)
	if err != nil {
		return fmt.Errorf("compare the matrix: %w (make kernels writes it)", err)
	}
	was, err := matrix.Parse(string(committed))
	if err != nil {
		return fmt.Errorf("read %s: %w", r.Committed, err)
	}
	var lines []string
	for _, d := range r.cells.Compare(was) {
		lines = append(lines, d.String())
	}
	if len(lines) > 0 {
		return fmt.Errorf("%s is another than this run showed (make kernels writes it anew):\n  %s", r.Committed, strings.Join(lines, "\n  "))
	}
	return nil
}
