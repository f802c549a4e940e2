package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const (
	reference = "../../docs/commands.md"
	manuals   = "../../docs/man"
)

// TestReference: the reference of the commands and the man pages are what the
// commands say of themselves. With -update it writes them: make docs.
func TestReference(t *testing.T) {
	root := (&env{version: "devel"}).root()
	root.InitDefaultCompletionCmd()
	want := map[string][]byte{reference: markdown(root)}
	for _, c := range commands(root) {
		page := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		want[filepath.Join(manuals, page)] = manual(t, c)
	}
	if *update {
		write(t, want)
	}
	for path, text := range want {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v: make docs writes it", err)
		} else if diff := cmp.Diff(string(text), string(got)); diff != "" {
			t.Errorf("%s is not what make docs writes (-want +got):\n%s", path, diff)
		}
	}
	pages, err := filepath.Glob(filepath.Join(manuals, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pages {
		if want[path] == nil {
			t.Errorf("%s is of no command: make docs removes it", path)
		}
	}
}

func write(t *testing.T, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(manuals); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(manuals, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(path, files[path], 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commands returns c and all commands below it that help shows, in its order.
func commands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			list = append(list, commands(sub)...)
		}
	}
	return list
}

// markdown is the reference of all commands in one document.
func markdown(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Commands\n\n%s\n\nEvery command takes these flags:\n\n```\n%s```\n\n",
		root.Long, root.PersistentFlags().FlagUsages())
	b.WriteString("This file and the man pages in [man](man) are what the commands say of themselves:\n`make docs` writes both.\n")
	for _, c := range commands(root)[1:] {
		if c.HasAvailableSubCommands() {
			continue // what it groups follows
		}
		about := c.Long
		if about == "" {
			about = c.Short + "."
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```\n%s\n```\n", c.CommandPath(), about, c.UseLine())
		if c.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n\n```\n%s\n```\n", strings.TrimRight(c.Example, "\n"))
		}
		if flags := c.NonInheritedFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags)
		}
	}
	return b.Bytes()
}

// manual is the man page of one command.
func manual(t *testing.T, c *cobra.Command) []byte {
	t.Helper()
	var b bytes.Buffer
	c.DisableAutoGenTag = true
	dated := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) // so that every day writes the same
	err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Date: &dated, Source: "xbfd", Manual: "xbfd manual"}, &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
