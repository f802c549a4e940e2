package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// operations returns the guide, and what of it can be tried: commands at a prompt,
// blocks of YAML, and YAML between backticks.
func operations(t testing.TB) (text string, things []string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	for _, thing := range []*regexp.Regexp{
		regexp.MustCompile(`(?m)^\$ (xbfd .*)$`),
		regexp.MustCompile("(?s)```yaml\n(.*?)```"),
		regexp.MustCompile("`([a-z-]+: [^A-Z`][^`]*)`"),
	} {
		found := thing.FindAllStringSubmatch(string(b), -1)
		if len(found) == 0 {
			t.Errorf("nothing like %s in the guide", thing)
		}
		for _, f := range found {
			things = append(things, f[1])
		}
	}
	return string(b), things
}

// TestOperations tries what docs/operations.md shows.
func TestOperations(t *testing.T) {
	t.Parallel()
	_, file := documented(t, "../../docs/migration.md")
	m := newManual(t, file)
	_, things := operations(t)
	for _, thing := range things {
		if wrong := m.try(t, thing, 0); wrong != "" {
			t.Errorf("%s: %s", thing, wrong)
		}
	}
}

// TestOperationsLog looks for the messages that the guide lists in the code.
func TestOperationsLog(t *testing.T) {
	text, _ := operations(t)
	_, section, _ := strings.Cut(text, "## What is logged")
	section, _, _ = strings.Cut(section, "\n## ")
	var code strings.Builder
	for _, dir := range []string{"../daemon", "../speaker", "../metrics", "../../netlinkmon", "../../engine/wire"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		must(t, err)
		for _, file := range files {
			b, err := os.ReadFile(file)
			must(t, err)
			code.Write(b)
		}
	}
	messages := 0
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		for _, message := range regexp.MustCompile("`([^`…]+)…?`").FindAllStringSubmatch(row[1], -1) {
			messages++
			if !strings.Contains(code.String(), `"`+strings.TrimSpace(message[1])) {
				t.Errorf("nothing logs %q", message[1])
			}
		}
	}
	if messages < 20 {
		t.Errorf("%d messages", messages)
	}
}
