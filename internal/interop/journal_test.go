package interop

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// journal keeps what a program writes, and shows it when the test fails.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newJournal(t testing.TB, of string) *journal {
	j := new(journal)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", of, j)
		}
	})
	return j
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// wrote waits until so many lines match: what a program writes gets here a moment after
// its API tells of the same.
func (j *journal) wrote(t testing.TB, count int, pattern string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d lines match %s", count, pattern), func() bool { return len(j.lines(pattern)) == count })
}

// lines returns the lines that match.
func (j *journal) lines(pattern string) []string {
	re := regexp.MustCompile(pattern)
	var list []string
	for line := range strings.Lines(j.String()) {
		if re.MatchString(line) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}
