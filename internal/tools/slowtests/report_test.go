package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The inputs in testdata are what go test -json printed for small packages
// made to pass, fail, panic, hang, not build and exit with an error of their own.
func TestReport(t *testing.T) {
	tests := []struct {
		name    string
		mustRun bool
		wantErr string
	}{
		{"good", false, ""},
		{"good", true, "2 skipped"},
		{"bad", false, "1 failed"},
		{"dies", false, "2 failed"}, // one panicked, one was still running
		{"late", false, "1 failed"},
		{"broken", false, "1 failed"},
		{"exits", false, "1 failed"}, // all tests passed, TestMain did not
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := os.Open(filepath.Join("testdata", tt.name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var out strings.Builder
			err = newReport(&out).run(in, tt.mustRun)
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("error %v, want one with %q", err, tt.wantErr)
			}
			want, err := os.ReadFile(filepath.Join("testdata", tt.name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingRan(t *testing.T) {
	for name, in := range map[string]string{
		"nothing at all":    "",
		"no tests in there": `{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}` + "\n" + `{"Action":"skip","Package":"p","Elapsed":0}`,
		"only skipped":      `{"Action":"skip","Package":"p","Test":"TestX","Elapsed":0}`,
	} {
		var out strings.Builder
		if err := newReport(&out).run(strings.NewReader(in), false); err == nil {
			t.Errorf("%s: no error; output:\n%s", name, &out)
		}
	}
}

func TestTenSlowest(t *testing.T) {
	var in, out strings.Builder
	for _, test := range strings.Fields("A B C D E F G H I J K L") {
		in.WriteString(`{"Action":"pass","Package":"p","Test":"Test` + test + `","Elapsed":1}` + "\n")
	}
	in.WriteString(`{"Action":"pass","Package":"p","Test":"TestLong","Elapsed":61.5}` + "\n")
	in.WriteString(`{"Action":"pass","Package":"p","Test":"TestA/part","Elapsed":99}` + "\n")
	if err := newReport(&out).run(strings.NewReader(in.String()), true); err != nil {
		t.Fatal(err)
	}
	want := "\nslowest:\n   61.50s  p.TestLong\n"
	for _, test := range strings.Fields("A B C D E F G H I") {
		want += "    1.00s  p.Test" + test + "\n"
	}
	want += "\n14 passed, 0 failed, 0 skipped\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}
