package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// xbfdPath is the program under test.
var xbfdPath string

// The tests wait for protocol timers most of the time, so more of them run at
// once than there are cores.
const parallel = "6"

func TestMain(m *testing.M) {
	if name := os.Getenv(filterVar); name != "" {
		os.Unsetenv(filterVar)
		fmt.Fprintln(os.Stderr, runFiltered(name, os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", parallel); err != nil {
			fmt.Fprintln(os.Stderr, "set parallel tests:", err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "xbfd-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Other users than root run it too, to be refused.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	xbfdPath = filepath.Join(dir, "xbfd")
	build := exec.Command("go", "build", "-o", xbfdPath, "github.com/xbfd/xbfd/cmd/xbfd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build xbfd: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
