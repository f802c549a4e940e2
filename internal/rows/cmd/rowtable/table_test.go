package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
)

var records = []rows.Record{
	{Row: "5880-6.8.6-01", Package: "packet", Test: "TestDecode/version_0", Layer: rows.Virtual},
	{Row: "5880-6.8.6-01", Package: "packet", Test: "TestDecode/version_2", Layer: rows.Virtual},
	{Row: "5880-6.8.6-01", Package: "engine/wire", Test: "TestDrops", Layer: rows.Wire},
	{Row: "5880-FSM-02", Package: "engine/session", Test: "TestFSM", Layer: rows.Virtual},
	{Row: "ENV-MEM-01", Package: "engine/wire", Test: "TestUmem", Layer: rows.Virtual},
}

// write leaves r as a run of the tests would.
func write(t *testing.T, r []rows.Record) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var b strings.Builder
	for _, r := range r {
		b.WriteString(strings.Join([]string{r.Row, r.Package, r.Test, string(r.Layer)}, "\t") + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "records.tsv"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRender(t *testing.T) {
	got := newCoverage(rows.All(), records).render()
	for _, want := range []string{
		"| 5880-6.8.6-01 | MUST | 1 | drop any version but 1 | engine/wire.TestDrops, packet.TestDecode | virtual, wire |\n",
		"| 5880-FSM-02 | must | 1 | Down hears Down: Init | engine/session.TestFSM | virtual |\n",
		"| 5880-FSM-03 | must | 1 | Down hears Init: straight to Up |  |  |\n",
		"\n| 1 | 180 | 3 |\n",
		"\nP 1 rows in scope: 180, covered 3, missing 177: 5880-4.1-01, 5880-4.1-02,",
		"\nP 1 rows that wait for a feature: none.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%.1500s", want, got)
		}
	}
	if len(covered(got)) != 3 {
		t.Errorf("covered rows read back: %v, want the three recorded", covered(got))
	}
	other := slices.Clone(records)
	slices.Reverse(other)
	if newCoverage(rows.All(), other).render() != got {
		t.Error("the order of the records shows in the table")
	}
}

func TestCheck(t *testing.T) {
	committed := filepath.Join(t.TempDir(), "COVERAGE.md")
	if err := run([]string{"-o", committed, write(t, records)}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, wantErr string
		records       []rows.Record
	}{
		{"same", "", records},
		{"one of two tests gone", "run make rows", slices.Concat(records[:2], records[3:])},
		{"all tests of a row gone", "5880-FSM-02", slices.Concat(records[:3], records[4:])},
		{"nothing ran", "no records", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run([]string{"-check", committed, write(t, tt.records)})
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("error %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}

// What virtual machines prove stands in the table without them, and is held against
// their records when they have run.
func TestGuests(t *testing.T) {
	guest := []rows.Record{{Row: "5880-FSM-03", Package: "internal/vm/guest", Test: "TestVLAN/virtio", Layer: rows.Wire}}
	other := []rows.Record{{Row: "5880-FSM-03", Package: "internal/vm/guest", Test: "TestQinQ", Layer: rows.Wire}}
	host, vm := write(t, records), write(t, guest)
	committed := filepath.Join(t.TempDir(), "COVERAGE.md")
	if err := run([]string{"-o", committed, host, vm}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, wantErr string
		args          []string
	}{
		{"checked without guests", "", []string{"-check", committed, host}},
		{"written without guests", "", []string{"-o", committed, host}},
		{"checked with guests", "", []string{"-check", committed, host, vm}},
		{"guests alone", "", []string{"-guests", committed, vm}},
		{"guests that prove nothing", "5880-FSM-03 (internal/vm/guest.TestVLAN, now none)", []string{"-guests", committed, t.TempDir()}},
		{"other guests", "now internal/vm/guest.TestQinQ", []string{"-guests", committed, write(t, other)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := run(tt.args)
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("error %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}
