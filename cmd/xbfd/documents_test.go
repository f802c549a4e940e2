package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// spans are the commands that a document writes between backticks.
var spans = regexp.MustCompile("`(?:sudo )?xbfd ([^`]+)`")

// TestDocumentsNameWhatThereIs: the commands and flags that the documents mention
// exist.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range append(paths, "../../README.md", "../../BENCHMARKS.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, span := range spans.FindAllStringSubmatch(string(text), -1) {
			found++
			if wrong := unheardOf(strings.Fields(strings.ReplaceAll(span[1], `\|`, "|"))); wrong != "" {
				t.Errorf("%s: `xbfd %s`: %s", path, span[1], wrong)
			}
		}
	}
	for _, wrong := range []string{"nothing-like-it", "session nothing-like-it X", "sessions --nope", "session set X --nope=1"} {
		if unheardOf(strings.Fields(wrong)) == "" {
			t.Errorf("xbfd %s passes", wrong)
		}
	}
	if found < 50 {
		t.Errorf("found only %d commands: has their form changed?", found)
	}
}

// unheardOf returns what there is not of a command and its flags; a word in
// capitals, or one of several with a | between, stands for any.
func unheardOf(words []string) string {
	root := (&env{}).root()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	c := root
	for len(words) > 0 && c.HasSubCommands() {
		if strings.HasPrefix(words[0], "-") {
			break
		}
		next := named(c, words[0])
		if next == nil && !strings.ContainsAny(words[0], "|…[") {
			return "no command " + words[0]
		} else if next == nil {
			return ""
		}
		c, words = next, words[1:]
	}
	for _, w := range words {
		name, isLong := strings.CutPrefix(strings.Trim(w, "[],;"), "--")
		name, _, _ = strings.Cut(name, "=")
		if isLong && name != "" && name != "help" && c.Flag(name) == nil {
			return "no flag --" + name
		}
	}
	return ""
}

func named(c *cobra.Command, name string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}
