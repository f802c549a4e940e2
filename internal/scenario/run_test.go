package scenario

import (
	"errors"
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
)

var update = flag.Bool("update", false, "write what was seen into the expectations that do not hold")

func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, err := readScript(path)
			if err != nil {
				t.Fatal(err)
			}
			playTo(t, sc, variant{workers: 1})
			if sc.also {
				t.Run("multihop", func(t *testing.T) { playTo(t, sc, variant{workers: 1, multihop: true}) })
			}
			t.Run("workers", func(t *testing.T) { playTo(t, sc, variant{workers: 3}) })
			if !sc.told {
				t.Run("heard", func(t *testing.T) { playTo(t, sc, variant{workers: 1, fast: heardOnly}) })
				t.Run("insured", func(t *testing.T) { playTo(t, sc, variant{workers: 3, fast: insured}) })
			}
			rows.Covers(t, sc.rows...)
		})
	}
}

// playTo plays a script and fails t by what went wrong.
func playTo(t *testing.T, sc *script, v variant) {
	t.Helper()
	before := strings.Join(sc.lines, "\n")
	for _, err := range playOnce(sc, v, *update && v == variant{workers: 1}) {
		t.Error(err)
	}
	if strings.Join(sc.lines, "\n") == before {
		return
	}
	if err := sc.write(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s has new values", sc.path)
}

// playOnce returns everything that went wrong.
func playOnce(sc *script, v variant, update bool) []error {
	b, err := newBed(sc, v)
	if err != nil {
		return []error{err}
	}
	b.update = update
	err = b.play()
	if err != nil {
		return append(b.failures, err)
	}
	return b.failures
}

// joined is for tests of the player.
func joined(errs []error) string {
	if err := errors.Join(errs...); err != nil {
		return err.Error()
	}
	return ""
}
