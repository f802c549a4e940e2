package imports

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// file is what the rules need to know of one source file.
type file struct {
	name    string // relative to the module's root
	imports []string
	clock   []string // functions of package time used that need a clock
}

func (f file) pkg() string { return filepath.ToSlash(filepath.Dir(f.name)) }

// violations returns what is wrong with a file, each with the reason.
func (f file) violations() []string {
	if strings.HasSuffix(f.name, "_test.go") {
		return nil
	}
	var all []string
	bad := func(what, why string) { all = append(all, fmt.Sprintf("%s: %s: %s", f.name, what, why)) }

	support := slices.ContainsFunc(testOnly, func(d string) bool { return within(f.pkg(), d) })
	line, owner := rank(f.pkg())
	if line < 0 && !support {
		bad("package "+f.pkg(), "has no place in the order of packages: give it one in internal/imports")
	}
	for _, path := range f.imports {
		dep, ours := strings.CutPrefix(path, module+"/")
		switch depLine, depOwner := rank(dep); {
		case !ours || support:
		case slices.ContainsFunc(testOnly, func(d string) bool { return within(dep, d) }):
			if owner != "bench" {
				bad("imports "+dep, "that is for tests only")
			}
		case never[[2]string{owner, depOwner}] != "":
			bad("imports "+dep, never[[2]string{owner, depOwner}])
		case depOwner != owner && depLine <= line:
			bad("imports "+dep, "imports point only down, see the order in internal/imports")
		}
		if slices.Contains(pure, owner) && !slices.Contains(pureDespite, path) {
			for dir, why := range impure {
				if within(path, dir) {
					bad("imports "+path, why)
				}
			}
		}
	}
	if slices.Contains(pure, owner) {
		for _, name := range f.clock {
			bad("uses time."+name, "the time is handed in, so that the simulator's clock serves too")
		}
	}
	return all
}

// parse reads one source file.
func parse(root, name string) (file, error) {
	src, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	f := file{name: filepath.ToSlash(name)}
	timeName := ""
	for _, spec := range src.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, path)
		if path == "time" {
			timeName = "time"
			if spec.Name != nil {
				timeName = spec.Name.Name
			}
		}
	}
	ast.Inspect(src, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && timeName != "" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == timeName && clock[sel.Sel.Name] {
				f.clock = append(f.clock, sel.Sel.Name)
			}
		}
		return true
	})
	return f, nil
}

func TestImports(t *testing.T) {
	const root = "../.."
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f, err := parse(root, name)
		if err != nil {
			return err
		}
		seen[f.pkg()] = true
		for _, v := range f.violations() {
			t.Error(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range pure {
		if !seen[pkg] {
			t.Errorf("found no source of package %s: do the rules still name the right directories?", pkg)
		}
	}
}

func TestRules(t *testing.T) {
	ours := func(paths ...string) []string {
		for i := range paths {
			paths[i] = module + "/" + paths[i]
		}
		return paths
	}
	tests := []struct {
		name string
		file file
		want []string
	}{
		{"down", file{name: "engine/worker.go", imports: ours("engine/session", "timerwheel", "packet")}, nil},
		{"a package below its owner", file{name: "engine/wire/ring/ring.go", imports: ours("engine", "bpf")}, nil},
		{"up", file{name: "packet/control.go", imports: ours("engine/session")}, []string{
			"packet/control.go: imports engine/session: imports point only down, see the order in internal/imports"}},
		{"sideways", file{name: "internal/daemon/run.go", imports: ours("internal/demo")}, []string{
			"internal/daemon/run.go: imports internal/demo: imports point only down, see the order in internal/imports"}},
		{"never", file{name: "bpf/tables.go", imports: ours("engine")}, []string{
			"bpf/tables.go: imports engine: the program and its maps know frames, not sessions"}},
		{"test support in the product", file{name: "cmd/xbfd/main.go", imports: ours("internal/testnet")}, []string{
			"cmd/xbfd/main.go: imports internal/testnet: that is for tests only"}},
		{"test support in a test, in bench and in itself", file{name: "cmd/xbfd/main_test.go", imports: ours("internal/testnet")}, nil},
		{"test support in bench", file{name: "bench/scale.go", imports: ours("internal/sim")}, nil},
		{"test support in test support", file{name: "internal/sim/link.go", imports: ours("internal/testnet", "engine")}, nil},
		{"pure", file{name: "engine/session/fsm.go", imports: []string{"net/netip", "time", "math/rand/v2"}}, nil},
		{"impure", file{name: "engine/session/fsm.go", imports: []string{"log/slog"}}, []string{
			"engine/session/fsm.go: imports log/slog: workers never log: a change is an event, a discard a counter"}},
		{"impure where it may be", file{name: "engine/wire/open.go", imports: []string{"log/slog", "net", "golang.org/x/sys/unix"}, clock: []string{"Now"}}, nil},
		{"clock", file{name: "timerwheel/wheel.go", clock: []string{"Now"}}, []string{
			"timerwheel/wheel.go: uses time.Now: the time is handed in, so that the simulator's clock serves too"}},
		{"no place", file{name: "util/util.go"}, []string{
			"util/util.go: package util: has no place in the order of packages: give it one in internal/imports"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.file.violations()); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	f, err := parse("testdata", "clock.go")
	if err != nil {
		t.Fatal(err)
	}
	want := file{name: "clock.go", imports: []string{"net/netip", "time"}, clock: []string{"Now", "AfterFunc"}}
	if diff := cmp.Diff(want, f, cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
}
