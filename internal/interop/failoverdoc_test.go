package interop

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// blocks returns the blocks of a document, in their order, that are in a language.
func blocks(t testing.TB, path, language string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	return list
}

// unspaced returns lines whose columns are one space apart, without the number of
// changes: a route by two gateways may have come at once or one after the other.
func unspaced(table string) (lines []string) {
	for line := range strings.Lines(table) {
		line = strings.Join(strings.Fields(line), " ")
		lines = append(lines, regexp.MustCompile(`(installed|absent|raised) \d+`).ReplaceAllString(line, "$1 N"))
	}
	return lines
}

// TestFailoverDocument runs the files of docs/failover.md, whose listings are what xbfd
// routes then says.
func TestFailoverDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/failover.md"
	files, listings := blocks(t, path, "yaml"), blocks(t, path, "console")
	if len(files) != 3 || len(listings) != 3 {
		t.Fatalf("there are %d files and %d listings", len(files), len(listings))
	}
	u := newUplinks(t)
	// What is a failure to the document is one on a busy machine as well.
	slower := strings.NewReplacer("10ms", "50ms", "detect-multiplier: 3", "detect-multiplier: 20")
	var d *daemon
	shows := func(listing string) {
		t.Helper()
		command, want, _ := strings.Cut(listing, "\n")
		if command != "$ xbfd routes" {
			t.Fatalf("%q", command)
		}
		var diff string
		for range 100 {
			if diff = cmp.Diff(unspaced(want), unspaced(xbfd(t, u.host, "routes", "--control", d.control).stdout)); diff == "" {
				return
			}
		}
		t.Errorf("(-document +program):\n%s", diff)
	}
	d = u.run(t, "")
	must(t, d.reload(t, "shutdown-hold: 500ms\n"+slower.Replace(files[0])))
	d.waitUp(t)
	shows(listings[0])
	u.near.signal(t, syscall.SIGSTOP)
	d.waitState(t, near, "down")
	shows(listings[1])
	u.near.signal(t, syscall.SIGCONT)
	if r := xbfd(t, u.host, "config", "check", write(t, files[1])); r.code != 0 {
		t.Errorf("other ways: %s", r.stderr)
	}
	must(t, d.reload(t, "shutdown-hold: 500ms\n"+files[2]))
	d.waitUp(t)
	shows(listings[2])
}

// write puts a text into a file of its own.
func write(t testing.TB, text string) (path string) {
	t.Helper()
	path = t.TempDir() + "/xbfd.yaml"
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}
