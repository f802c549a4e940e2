package interop

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// elsewhere are the commands in documents that TestConsole does not run, and why.
var elsewhere = map[string]string{
	"echo $?":                     "shows the exit status of the command before it, which the tests of cmd/xbfd have",
	"xbfd config check xbfd.yaml": "shows the errors of files that the tests of internal/config have",
	"sudo xbfd cleanup":           "is about the whole host, on which other tests' daemons run; TestCleanup of cmd/xbfd runs it",
	"xbfd run LOCAL PEER [--interface IF] [--tx-interval 15ms] [--rx-interval 15ms] [--detect-mult 3]": "a synopsis; the README's example is run",
}

// tried are the documents that have a test of their own for what they show.
var tried = []string{"failover.md", "migration.md", "operations.md"}

// typed returns what a document shows somebody typing: lines that begin with a
// prompt, and those that continue them.
func typed(t testing.TB, path string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	for _, m := range regexp.MustCompile(`(?m)^\$ ((?:.*\\\n)*.*)$`).FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, strings.Join(strings.Fields(strings.ReplaceAll(m[1], "\\\n", "")), " "))
	}
	return lines
}

// TestConsole runs what the documents show somebody typing, in their order, each
// document against a daemon of its own.
func TestConsole(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("../../docs/*.md")
	must(t, err)
	known := maps.Clone(elsewhere)
	for _, path := range append(documents, "../../README.md") {
		name := filepath.Base(path)
		lines := typed(t, path)
		if len(lines) == 0 || slices.Contains(tried, name) {
			continue
		}
		for _, line := range lines {
			delete(known, line)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			for _, line := range lines {
				if wrong := c.enter(t, line); wrong != "" {
					t.Errorf("$ %s\n%s", line, wrong)
				}
			}
		})
	}
	for line := range known {
		t.Errorf("no document shows %q any more", line)
	}
}

// newConsole runs a daemon that has what the documents speak of: a peer 192.0.2.1
// in its file, another to add, two keys.
func newConsole(t testing.TB) *manual {
	t.Helper()
	a, b := newEth0(t)
	spare, _ := newEth0(t)
	a.AddAddr(t, "eth0", "192.0.2.5/24")
	c := &manual{spare: spare, dir: t.TempDir()}
	must(t, os.Mkdir(c.path("/etc/xbfd"), 0o755))
	must(t, os.WriteFile(c.path("/etc/xbfd/xbfd.yaml"), []byte("shutdown-hold: 500ms\npeers:\n"+
		"  - {peer: 192.0.2.1, interface: eth0, profile: fast}\nprofiles: {fast: {transmit-interval: 100ms}}\n"), 0o644))
	start(t, a, "shutdown-hold: 500ms\npeers:\n  - {peer: 192.0.2.2, local-address: 192.0.2.1}\n  - {peer: 192.0.2.2, local-address: 192.0.2.5}\n")
	c.daemon = launchFile(t, b, c.path("/etc/xbfd/xbfd.yaml"), filepath.Join(c.dir, "sock"))
	c.started(t)
	c.waitState(t, a.v4, "up")
	if wrong := c.call(t, "PUT", "/v1/keys/2", key2); wrong != "" {
		t.Fatal(wrong)
	}
	return c
}

// key2 stands for a file of that name.
const key2 = `{"type": "keyed-sha1", "secret": "secret"}`

// curl is a call of the API: its method, path and body.
var curl = regexp.MustCompile(`^curl -sN? --unix-socket /run/xbfd.sock(?: -X ([A-Z]+))? '?http://xbfd(/v1/[^ ']*)'?(?: -d (?:'(.*)'|@key2.json))?(?: \| jq .*)?$`)

// configCall begins the two lines that take the running configuration down and give it
// back.
const configCall = "curl -s --unix-socket /run/xbfd.sock http://xbfd/v1/config"

// configuration does the first of them, or else the second.
func (m *manual) configuration(t testing.TB, take bool) (wrong string) {
	t.Helper()
	var err error
	if take {
		m.now, err = m.client.Config(t.Context())
	} else {
		_, err = m.client.SetConfig(t.Context(), m.now)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// enter does what a line says, for as long as the answer is that it is too early,
// and returns what is wrong.
func (m *manual) enter(t testing.TB, line string) (wrong string) {
	t.Helper()
	if elsewhere[line] != "" {
		return ""
	}
	once := func() string { return fmt.Sprintf("neither run here nor said to be run elsewhere: %q", line) }
	if call := curl.FindStringSubmatch(line); call != nil {
		method, path, body := call[1], call[2], call[3]
		if strings.HasSuffix(line, "@key2.json") {
			body = key2
		}
		switch {
		case method == "" && body == "":
			method = "GET"
		case method == "":
			method = "POST"
		}
		path = strings.Replace(path, "/events?", "/events?follow=false&", 1) // which would wait for more
		once = func() string { return m.call(t, method, path, body) }
	} else if text, ok := strings.CutPrefix(line, configCall); ok {
		once = func() string { return m.configuration(t, strings.HasPrefix(text, " > ")) }
	} else if command := strings.TrimSuffix(strings.TrimPrefix(line, "sudo "), " &"); strings.HasPrefix(command, "xbfd ") {
		if strings.HasPrefix(command, "xbfd events") {
			command += " --since 0 --follow=false" // which would wait for more
		}
		once = func() string { return m.try(t, command, 0) }
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if wrong = ends(once); !strings.HasPrefix(wrong, "503") || time.Now().After(end) {
			return wrong
		}
	}
}

// ends returns what a command returns, or that it does not: a document may show one
// that goes on for ever, which the end of the test ends.
func ends(command func() string) string {
	done := make(chan string, 1)
	go func() { done <- command() }()
	select {
	case wrong := <-done:
		return wrong
	case <-time.After(patience):
		return "it does not end"
	}
}
