package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ended(action, test, output string) string {
	return fmt.Sprintf("{\"Action\":\"output\",\"Package\":\"p\",\"Test\":%q,\"Output\":%q}\n{\"Action\":%q,\"Package\":\"p\",\"Test\":%q}\n",
		test, output, action, test)
}

func packageFailed(output string) string {
	return fmt.Sprintf("{\"Action\":\"output\",\"Package\":\"p\",\"Output\":%q}\n{\"Action\":\"fail\",\"Package\":\"p\"}\n", output)
}

func TestAgain(t *testing.T) {
	failed := ended("fail", "TestA/one", "") + ended("pass", "TestA/two", "") + ended("fail", "TestA", "") + ended("pass", "TestAB", "")
	passed := ended("pass", "TestA/one", "") + ended("pass", "TestA/two", "") + ended("pass", "TestA", "")
	many := ""
	for i := range fewFailed + 1 {
		many += ended("fail", fmt.Sprintf("Test%d", i), "")
	}
	tests := []struct {
		name       string
		first      string
		second     string
		tried      []string
		last, list string // of the report
		wantErr    bool
	}{
		{"passes", failed, passed, []string{"p.TestA"}, "4 passed, 0 failed, 0 skipped", "again alone:\n  p.TestA\n", false},
		{"fails again", failed, failed, []string{"p.TestA"}, "2 passed, 2 failed, 0 skipped", "", true},
		{"is gone", failed, "", []string{"p.TestA"}, "1 passed, 1 failed, 0 skipped", "p.TestA did not run again", true},
		{"dies", failed, packageFailed("panic"), []string{"p.TestA"}, "1 passed, 2 failed, 0 skipped", "p failed, and no test of it", true},
		{"nothing failed", passed, "", nil, "3 passed, 0 failed, 0 skipped", "", false},
		{"too many", many, passed, nil, "0 passed, 6 failed, 0 skipped", "", true},
		{"a data race", ended("fail", "TestA", race), passed, nil, "0 passed, 1 failed, 0 skipped", "", true},
		{"another package is broken", failed + strings.ReplaceAll(packageFailed("exit"), `"p"`, `"q"`), passed, nil, "2 passed, 3 failed, 0 skipped", "q failed", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			var tried []string
			r := newReport(&out)
			r.again = func(n name) error {
				tried = append(tried, n.String())
				return r.read(strings.NewReader(tt.second))
			}
			if err := r.run(strings.NewReader(tt.first), true); (err != nil) != tt.wantErr {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.tried, tried); diff != "" {
				t.Errorf("tried again (-want +got):\n%s", diff)
			}
			if !strings.HasSuffix(out.String(), "\n"+tt.last+"\n") || !strings.Contains(out.String(), tt.list) {
				t.Errorf("want %q and last %q in:\n%s", tt.list, tt.last, &out)
			}
		})
	}
}

// A real go test is run for one test of a package, and its result read.
func TestAgainByCommand(t *testing.T) {
	const here = "github.com/xbfd/xbfd/internal/tools/slowtests"
	for test, want := range map[string]string{"TestNothingRan": "pass", "TestNotThere": ""} {
		var out strings.Builder
		r := newReport(&out)
		n := name{here, test}
		if err := r.command(t.Context(), []string{"go", "test", "-json", "-count=1"}, n); err != nil {
			t.Fatal(err)
		}
		if r.results[n] != want {
			t.Errorf("%s: %q, want %q; output:\n%s", test, r.results[n], want, &out)
		}
	}
	if err := newReport(&strings.Builder{}).command(t.Context(), []string{"false"}, name{here, "TestNothingRan"}); err == nil {
		t.Error("a command that fails without a word is no error")
	}
}
