package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named matches `path/file.go` and `path/file.go:Function`, and other files of
// the tree.
var named = regexp.MustCompile("`([\\w./-]+\\.(?:go|c|h))(?::(\\w+))?`")

// TestArchitecture holds ARCHITECTURE.md against the tree: the files and
// functions that its walks name exist, and every package is in its table.
func TestArchitecture(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := named.FindAllStringSubmatch(string(text), -1)
	if len(found) < 30 {
		t.Errorf("found only %d names of files: has their form changed?", len(found))
	}
	for _, m := range found {
		path := filepath.Join(root, m[1])
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s does not exist", m[1])
			continue
		}
		if m[2] != "" && !declares(t, path, m[2]) {
			t.Errorf("%s has no function %s", m[1], m[2])
		}
	}
	for _, line := range order {
		for _, pkg := range line {
			if _, err := os.Stat(filepath.Join(root, pkg)); err == nil && !strings.Contains(string(text), "`"+pkg+"`") {
				t.Errorf("package %s is not mentioned", pkg)
			}
		}
	}
}

// declares says whether a Go file declares a function or method of that name.
func declares(t *testing.T, path, name string) bool {
	t.Helper()
	src, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range src.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			return true
		}
	}
	return false
}
