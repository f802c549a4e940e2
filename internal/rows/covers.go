package rows

import (
	"runtime"
	"strings"
	"testing"
)

// Covers states that t proves the rows named. Call it after the assertions that
// prove them: when t has failed or was skipped by its end, nothing is recorded.
// A row that the table does not know fails t. The layer follows from the
// package that calls.
func Covers(t testing.TB, ids ...string) {
	t.Helper()
	pkg := callerPackage(2)
	cover(t, pkg, layerOf(pkg), ids)
}

// CoversOn is Covers for a test that runs on another layer than its package's
// other tests.
func CoversOn(t testing.TB, layer Layer, ids ...string) {
	t.Helper()
	cover(t, callerPackage(2), layer, ids)
}

func cover(t testing.TB, pkg string, layer Layer, ids []string) {
	t.Helper()
	dir := recordDir()
	for _, id := range ids {
		if !Known(id) {
			t.Errorf("rows: %q is no row of the conformance table", id)
			continue
		}
		if dir == "" {
			continue
		}
		r := Record{Row: id, Package: pkg, Test: t.Name(), Layer: layer}
		t.Cleanup(func() {
			if t.Failed() || t.Skipped() {
				return
			}
			if err := r.appendTo(dir); err != nil {
				t.Errorf("rows: %v", err)
			}
		})
	}
}

// callerPackage returns the package of the function skip frames up, relative to
// the module's root; an external test package counts as the package it tests.
func callerPackage(skip int) string {
	pc, _, _, ok := runtime.Caller(skip)
	if !ok {
		return "unknown"
	}
	name := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(name, '/') + 1
	if dot := strings.IndexByte(name[slash:], '.'); dot >= 0 {
		name = name[:slash+dot]
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, module), "_test")
}

const module = "github.com/xbfd/xbfd/"
