package rows

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fake plays a test whose end we choose.
type fake struct {
	testing.TB
	name            string
	failed, skipped bool
	errors          []string
	cleanups        []func()
}

func (f *fake) Helper()          {}
func (f *fake) Name() string     { return f.name }
func (f *fake) Failed() bool     { return f.failed }
func (f *fake) Skipped() bool    { return f.skipped }
func (f *fake) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *fake) Errorf(format string, args ...any) {
	f.failed = true
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fake) end() {
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
}

func TestCoversRecords(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XBFD_ROWS", dir)
	tests := []struct {
		name  string
		cover func(*fake)
		want  []Record
	}{
		{"passed", func(f *fake) { Covers(f, "5880-FSM-02", "5880-6.8.6-01") }, []Record{
			{"5880-6.8.6-01", "internal/rows", "TestX/passed", Virtual}, // cleanups run last first
			{"5880-FSM-02", "internal/rows", "TestX/passed", Virtual},
		}},
		{"other layer", func(f *fake) { CoversOn(f, Wire, "5880-FSM-02") }, []Record{
			{"5880-FSM-02", "internal/rows", "TestX/other layer", Wire},
		}},
		{"failed later", func(f *fake) { Covers(f, "5880-6.8.6-01"); f.failed = true }, nil},
		{"skipped later", func(f *fake) { Covers(f, "5880-6.8.6-01"); f.skipped = true }, nil},
		{"unknown row", func(f *fake) { Covers(f, "5880-6.8.6-01", "5880-0-99") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			f := &fake{name: "TestX/" + tt.name}
			tt.cover(f)
			f.end()
			if unknown := len(f.errors) > 0; unknown != (tt.name == "unknown row") {
				t.Errorf("errors %q", f.errors)
			}
			after, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, after[len(before):], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCoversWithoutDirectory(t *testing.T) {
	t.Setenv("XBFD_ROWS", "")
	f := &fake{name: "TestX"}
	Covers(f, "5880-6.8.6-01")
	if f.end(); len(f.cleanups) != 0 || f.failed {
		t.Errorf("left %d cleanups, failed %v, with nowhere to record", len(f.cleanups), f.failed)
	}
	Covers(f, "no row")
	if len(f.errors) != 1 {
		t.Errorf("an unknown row is an error with XBFD_ROWS unset too; errors %q", f.errors)
	}
}

func TestCoversUnwritableDirectory(t *testing.T) {
	t.Setenv("XBFD_ROWS", "/nonexistent/rows")
	f := &fake{name: "TestX"}
	Covers(f, "5880-6.8.6-01")
	if f.end(); !f.failed {
		t.Error("a record that cannot be written must fail the test")
	}
}

func TestLayerOf(t *testing.T) {
	for pkg, want := range map[string]Layer{
		"packet": Virtual, "engine": Virtual, "engine/session": Virtual, "internal/sim": Virtual,
		"engine/wire": Wire, "engine/wire/ring": Wire, "bpf": Wire, "cmd/xbfd": Wire, "netlinkmon": Wire, "engine/wired": Virtual,
	} {
		if got := layerOf(pkg); got != want {
			t.Errorf("layerOf(%s) = %s, want %s", pkg, got, want)
		}
	}
}
