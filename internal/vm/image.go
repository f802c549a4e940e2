package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// Binaries are the compiled programs that guests run.
type Binaries struct {
	init  string            // path of pid1
	tools map[string]string // paths of programs for the tests, by name
	tests map[string]string // paths of compiled tests, by name
}

const repository = "github.com/xbfd/xbfd/"

// Build compiles the programs of the guests with machines of one kind into dir,
// without C libraries: there are none in a guest.
func Build(ctx context.Context, arch, dir string, tests []Suite) (*Binaries, error) {
	b := &Binaries{
		init:  filepath.Join(dir, "pid1"),
		tools: map[string]string{"xbfd": filepath.Join(dir, "xbfd")},
		tests: map[string]string{},
	}
	if err := goBuild(ctx, arch, b.init, "build", "internal/vm/pid1"); err != nil {
		return nil, err
	}
	if err := goBuild(ctx, arch, b.tools["xbfd"], "build", "cmd/xbfd"); err != nil {
		return nil, err
	}
	for _, s := range tests {
		if b.tests[s.Name] != "" {
			continue
		}
		b.tests[s.Name] = filepath.Join(dir, s.Name+".test")
		if err := goBuild(ctx, arch, b.tests[s.Name], "test", s.Package, "-c", "-tags", "vm"); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func goBuild(ctx context.Context, arch, out, verb, pkg string, flags ...string) error {
	args := append([]string{verb, "-trimpath", "-ldflags", "-s -w", "-o", out}, flags...)
	c := exec.CommandContext(ctx, "go", append(args, repository+pkg)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// writeImage writes the initial file system of a guest that carries out the plan.
func writeImage(path string, b *Binaries, modules []module, p plan.Plan) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriter(f)
	a := &archive{w: w}
	for _, d := range []string{"bin", "etc", "modules", "tests"} {
		a.dir(d)
	}
	a.file("etc/passwd", []byte("root:x:0:0:root:/tmp:/bin/sh\n"))
	a.file("etc/group", []byte("root:x:0:\n"))
	for _, m := range modules {
		p.Modules = append(p.Modules, m.Module)
		a.file(relative(plan.Modules+m.File), m.code)
	}
	files := map[string]string{"init": b.init}
	for name, path := range b.tools {
		files["bin/"+name] = path
	}
	for _, t := range p.Tests {
		files[relative(t.Path())] = b.tests[t.Name]
	}
	for name, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		a.file(name, data)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	a.file(relative(plan.File), text)
	if err := a.close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return w.Flush()
}

// relative is a path of the guest's as an archive has it.
func relative(path string) string { return path[1:] }
