package vm

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// moduleSet is the modules of a kernel as its package has them: unlike depmod's
// table of them, which is made when a kernel is installed.
type moduleSet struct {
	path    map[string]string // by name, in which - stands as _
	builtin map[string]bool
}

func readModules(dir string) (*moduleSet, error) {
	s := &moduleSet{path: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(filepath.Join(dir, "kernel"), func(path string, d fs.DirEntry, err error) error {
		if name := moduleName(path); err == nil && name != "" {
			s.path[name] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find modules: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("find modules: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		s.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return s, nil
}

// moduleName returns the name of the module in a file, "" if it holds none.
func moduleName(path string) string {
	base, ok := strings.CutSuffix(strings.TrimSuffix(filepath.Base(path), ".xz"), ".ko")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(base, "-", "_")
}

// module is one that is to be loaded.
type module struct {
	plan.Module
	code []byte
}

// resolve returns the modules named, with all that they depend on before them,
// but for those that are part of the kernel.
func (s *moduleSet) resolve(ctx context.Context, names []string) ([]module, error) {
	var list []module
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name, params, _ := strings.Cut(name, " ")
		name = strings.ReplaceAll(name, "-", "_")
		if seen[name] || s.builtin[name] {
			return nil
		}
		seen[name] = true
		code, err := s.read(ctx, name)
		if err != nil {
			return err
		}
		needs, err := depends(code)
		if err != nil {
			return fmt.Errorf("read module %s: %w", name, err)
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		list = append(list, module{plan.Module{File: name + ".ko", Params: params}, code})
		return nil
	}
	for _, n := range names {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// read returns a module as the kernel takes it.
func (s *moduleSet) read(ctx context.Context, name string) ([]byte, error) {
	path := s.path[name]
	if path == "" {
		return nil, fmt.Errorf("the kernel has no module %s", name)
	}
	if strings.HasSuffix(path, ".xz") {
		out, err := exec.CommandContext(ctx, "xz", "-dc", path).Output()
		if err != nil {
			return nil, fmt.Errorf("unpack module %s (apt-get install xz-utils): %w", name, err)
		}
		return out, nil
	}
	return os.ReadFile(path)
}

// depends returns what a module says that it needs: strings of the form name=value
// in a section of its own, each ended by a zero byte.
func depends(code []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("it has no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if v, ok := strings.CutPrefix(string(field), "depends="); ok && v != "" {
			return strings.Split(v, ","), nil
		}
	}
	return nil, nil
}
